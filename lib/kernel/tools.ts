import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The Debian package that contains each tool. Most other systems use the same names. */
const PACKAGES = {
  ip: 'iproute2',
  mount: 'mount',
  nft: 'nftables',
  strace: 'strace',
  ss: 'iproute2',
  tcpdump: 'tcpdump',
  unshare: 'util-linux',
  cc: 'gcc libc6-dev',
} as const

export type Tool = keyof typeof PACKAGES

/** Where commands are looked for. Not every PATH has the administrator's folders. */
export const toolPath = (): string => [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter)

/** The environment of a tool: our own, with `toolPath()`. */
export const toolEnv = (): NodeJS.ProcessEnv => ({ ...process.env, PATH: toolPath() })

/** True where a command of that name can be run with `toolPath()` as its PATH. */
export function onPath(command: string): boolean {
  return toolPath()
    .split(delimiter)
    .some(folder => {
      try {
        accessSync(join(folder, command), constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** The first of these tools that is not on the PATH, and what installs it: `needs ss (apt-get …)`. */
export function missingTool(...tools: readonly Tool[]): string | undefined {
  const tool = tools.find(name => !onPath(name))
  return tool && `needs ${tool} (apt-get install ${PACKAGES[tool]})`
}
