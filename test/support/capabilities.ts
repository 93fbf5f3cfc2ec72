import { spawnSync } from 'node:child_process'
import { WITHOUT_TRACEFS } from './without-tracefs.ts'

/**
 * Words before a command that take all capabilities from root, but these: `net_raw` …
 *
 * What is mounted already stays open to root without any capability, so tracefs is unmounted: a
 * container has none.
 */
export const withCapabilities = (...kept: readonly string[]): readonly string[] => [
  ...WITHOUT_TRACEFS,
  '/usr/bin/setpriv',
  `--bounding-set=${['-all', ...kept.map(name => `+${name}`)].join(',')}`,
  '--inh-caps=-all',
]

/** What Docker leaves to root in a container. */
export const IN_CONTAINER: readonly string[] = withCapabilities(
  ...['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid', 'setpcap'],
  ...['net_bind_service', 'net_raw', 'sys_chroot', 'mknod', 'audit_write', 'setfcap'],
)

const [command = '', ...args] = IN_CONTAINER

/** Whether we have capabilities to do without, and a way to do so. */
export const canLoseCapabilities: boolean =
  process.getuid?.() === 0 && spawnSync(command, [...args, 'true']).status === 0
