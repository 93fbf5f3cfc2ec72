/**
 * Words before a command of root that unmount tracefs for it, in a mount namespace: whoever owns
 * root's files may use a tracefs that is mounted, without any capability.
 */
export const WITHOUT_TRACEFS: readonly string[] = [
  ...['/usr/bin/unshare', '--mount', '/bin/sh', '-c'],
  ...['/bin/umount -a -t tracefs,debugfs; exec "$@"', 'sh'],
]
