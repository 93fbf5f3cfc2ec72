import { attempt, type Refusal } from './attempt.ts'
import { readSysctl } from './sysctl.ts'

/** The command that puts another one into namespaces of its own. */
export interface Isolation {
  /** Whether that took root, or a user namespace. */
  by: 'root' | 'user namespace'
  command: string
  args: readonly string[]
}

/**
 * Own network, own process table, own mounts. The kernel ends everything in there when the first
 * process ends, and `--kill-child` ends that one when its parent dies: nothing can be left behind.
 */
const PRIVATE = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']

let known: Isolation | { refused: Refusal } | undefined

/**
 * How to run a command in a private network on this machine; undefined where it cannot be done.
 *
 * As root it always can. Elsewhere a user namespace may do, unless the system forbids them.
 *
 * @see unshare(1), network_namespaces(7), user_namespaces(7)
 */
export function isolation(): Isolation | undefined {
  known ??= tryIsolation()
  return 'refused' in known ? undefined : known
}

/** What came back when a private network was tried; undefined where it can be had. */
export function isolationRefusal(): Refusal | undefined {
  known ??= tryIsolation()
  return 'refused' in known ? known.refused : undefined
}

/**
 * Ways of an ordinary user into a user namespace, the better one first. Who keeps their own number there
 * may also capture: tcpdump that runs as root wants to become another user, and there is none.
 */
const USER_WAYS = [
  ['--user', '--map-current-user', '--keep-caps'],
  ['--user', '--map-root-user'],
] as const

function tryIsolation(): Isolation | { refused: Refusal } {
  const isRoot = process.getuid?.() === 0
  const by = isRoot ? 'root' : 'user namespace'
  let refused: Refusal | undefined
  for (const user of isRoot ? [[]] : USER_WAYS) {
    const args = [...user, ...PRIVATE]
    // The very things that experiments do in there: a network that is up, a table of namespaces.
    const check = 'ip link set lo up && mount -t tmpfs none /run'
    const tried = `unshare ${[...user, '--net'].join(' ')}`
    refused = attempt(tried, ['unshare', ...args, 'sh', '-c', check])
    if (refused === undefined) return { by, command: 'unshare', args }
  }
  return { refused: refused! }
}

/** Settings that forbid user namespaces, with the value at which they do. */
const FORBIDDEN_BY = {
  'user.max_user_namespaces': '0',
  'kernel.unprivileged_userns_clone': '0',
  'kernel.apparmor_restrict_unprivileged_userns': '1',
} as const

/** Which settings of this system forbid user namespaces: `user.max_user_namespaces is 0`. */
export function namespaceSettings(): string[] {
  return Object.entries(FORBIDDEN_BY).flatMap(([name, value]) => {
    try {
      return readSysctl(name) === value ? [`${name} is ${value}`] : []
    } catch {
      return [] // not a setting of this kernel
    }
  })
}
