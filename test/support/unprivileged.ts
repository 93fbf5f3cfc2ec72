import { spawnSync } from 'node:child_process'

/**
 * Words before a command that make it run as somebody without rights, who may read what root may:
 * the files of this checkout, wherever that is.
 *
 * In a user namespace of its own, root of this machine is user 65534 and may do nothing special.
 */
export const UNPRIVILEGED: readonly string[] = [
  '/usr/bin/unshare',
  ...['--user', '--map-user=65534', '--map-group=65534'],
]

const [command = '', ...args] = UNPRIVILEGED

/** Whether we have rights to do without, and a way to do so. */
export const canBeUnprivileged: boolean =
  process.getuid?.() === 0 && spawnSync(command, [...args, 'true']).status === 0
