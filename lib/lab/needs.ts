import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isolation } from './isolation.ts'

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
  nft: 'nftables',
  strace: 'strace',
  ss: 'iproute2',
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
      return isolation() ? undefined : 'needs root (sudo npm run textbook)'
    case 'root':
      return isRoot() ? undefined : 'needs root (sudo npm run textbook)'
    case 'tracefs':
      if (process.platform !== 'linux') return 'needs Linux'
      if (!isRoot()) return 'needs root (sudo npm run textbook)'
      return existsSync('/sys/kernel/tracing') ? undefined : 'needs a kernel with tracefs'
    case 'tcpdump':
      if (!onPath('tcpdump')) return 'needs tcpdump (apt-get install tcpdump)'
      // In a user namespace it may capture, but many builds of it insist on changing their user.
      return isRoot() ? undefined : 'needs root (sudo npm run textbook)'
    default:
      if (process.platform !== 'linux' && need !== 'cc') return 'needs Linux'
      return onPath(need) ? undefined : `needs ${need} (apt-get install ${PACKAGES[need]})`
  }
}

/** True for the real root. In a user namespace, our 0 stands for somebody else. */
function isRoot(): boolean {
  if (process.getuid?.() !== 0) return false
  try {
    const map = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/)
    return map.join(' ') === '0 0 4294967295'
  } catch {
    return true // no user namespaces here
  }
}

/** True where a command of that name can be run. The administrator's folders count as well. */
export function onPath(command: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.some(folder => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
