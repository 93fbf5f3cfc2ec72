import { existsSync } from 'node:fs'
import { isolation } from './isolation.ts'
import { cureFor, lacksRights, RIGHTS } from './rights.ts'
import { onPath } from './tools.ts'

/** What an experiment cannot do without. */
export type Need =
  | 'linux'
  | 'namespace'
  | 'root'
  | 'nft'
  | 'tcpdump'
  | 'tracefs'
  | 'strace'
  | 'ss'
  | 'cc'

/** The Debian package of each tool, which most other systems call the same. */
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

/**
 * Why a need is not met here, and what would bring it; undefined where it is met.
 *
 * @example
 * ```ts
 * import { missing } from './lib/lab/needs.ts'
 *
 * console.log(missing('nft') ?? 'nft is here')
 * ```
 */
export function missing(need: Need): string | undefined {
  switch (need) {
    case 'linux':
      return process.platform === 'linux' ? undefined : 'needs Linux'
    case 'namespace':
      if (process.platform !== 'linux') return 'needs Linux'
      return isolation()
        ? undefined
        : (missingTool(['unshare', 'mount', 'ip']) ?? cureOf('namespaces'))
    case 'root':
      return lackOf('all')
    case 'tracefs':
      if (process.platform !== 'linux') return 'needs Linux'
      return (
        lackOf('tracing') ??
        (existsSync('/sys/kernel/tracing') ? undefined : 'needs a kernel with tracefs')
      )
    case 'tcpdump':
      // In a user namespace it may capture, but many builds of it insist on changing their user.
      return missingTool(['tcpdump']) ?? lackOf('capture')
    default:
      if (process.platform !== 'linux' && need !== 'cc') return 'needs Linux'
      return missingTool([need])
  }
}

/** The first of these tools that is not here, and the package that brings it. */
function missingTool(tools: readonly (keyof typeof PACKAGES)[]): string | undefined {
  const tool = tools.find(name => !onPath(name))
  return tool && `needs ${tool} (apt-get install ${PACKAGES[tool]})`
}

const withCommand = (text: string): string => text.replace('(sudo)', '(sudo npm run textbook)')
const cureOf = (what: keyof typeof RIGHTS): string => withCommand(cureFor(RIGHTS[what]))

function lackOf(what: keyof typeof RIGHTS): string | undefined {
  const lack = lacksRights(RIGHTS[what])
  return lack && withCommand(lack)
}
