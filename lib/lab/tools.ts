import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where commands are looked for. Not everybody's PATH has the administrator's folders. */
export const toolPath = (): string => [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(delimiter)

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
