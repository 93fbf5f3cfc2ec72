import { spawnSync } from 'node:child_process'
import { WITHOUT_TRACEFS } from './without-tracefs.ts'

/**
 * Words before a command that make it run without privileges, but with access to the files of this
 * checkout, wherever it is.
 *
 * In a separate user namespace, root of this machine is user 65534 without a single capability, and
 * still the owner of root's files. A tracefs that is mounted already belongs to root, too, and would
 * be open to this user as it is to no other; so it is unmounted first, in a mount namespace.
 */
export const UNPRIVILEGED: readonly string[] = [
  ...WITHOUT_TRACEFS,
  ...['/usr/bin/unshare', '--user', '--map-user=65534', '--map-group=65534'],
]

const [command = '', ...args] = UNPRIVILEGED

/** Whether we have rights to do without, and a way to do so. */
export const canBeUnprivileged: boolean =
  process.getuid?.() === 0 && spawnSync(command, [...args, 'true']).status === 0
