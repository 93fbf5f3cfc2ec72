import { spawnSync } from 'node:child_process'
import { toolPath } from './tools.ts'

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

let known: Isolation | undefined | null = null

/**
 * How to run a command in a private network on this machine; undefined where it cannot be done.
 *
 * As root it always can. Elsewhere a user namespace may do, unless the system forbids them.
 *
 * @see unshare(1), network_namespaces(7), user_namespaces(7)
 */
export function isolation(): Isolation | undefined {
  if (known !== null) return known
  known = undefined
  if (process.platform === 'linux') {
    const ways: Isolation[] = [
      { by: 'root', command: 'unshare', args: PRIVATE },
      { by: 'user namespace', command: 'unshare', args: ['--user', '--map-root-user', ...PRIVATE] },
    ]
    known = ways.find(({ by, command, args }) => {
      if ((by === 'root') !== (process.getuid?.() === 0)) return false
      // The very things that experiments do in there: a network that is up, a table of namespaces.
      const check = 'ip link set lo up && mount -t tmpfs none /run'
      const options = { stdio: 'ignore', env: { ...process.env, PATH: toolPath() } } as const
      return spawnSync(command, [...args, 'sh', '-c', check], options).status === 0
    })
  }
  return known
}
