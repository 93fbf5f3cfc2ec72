import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'

/** One way to make a trace instance. */
export interface TracefsWay {
  /** What is done, in short: `mkdir /sys/kernel/tracing/instances/…`. */
  tried: string
  /** The command with its arguments, but for the name of the instance and the events. */
  command: readonly string[]
  script: string
  args: readonly string[]
}

/** Instances of this program are called so, with the process behind it. */
export const INSTANCE_PREFIX = 'socket-kit-'

/**
 * A name that no other instance has. The number of the process is not enough: tracefs is one for the
 * whole machine, and two containers may both have a process 7.
 */
export const instanceName = (): string =>
  `${INSTANCE_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`

const USUAL_PLACE = '/sys/kernel/tracing'

/**
 * Makes an instance, switches the events on, and copies the trace to its output until its input
 * ends; each line of the input is a marker in the trace. Then the instance is removed.
 */
const SCRIPT = `
place=$1 mount=$2 instance=$1/instances/$3
shift 3
prepare() {
  echo mono >"$instance/trace_clock" || return 1
  for event; do echo 1 >"$instance/events/$event/enable" || return 1; done
}
[ "$mount" = no ] || mount -t tracefs nodev "$place" || exit 1
mkdir "$instance" || exit 1
done=1
if prepare "$@"; then
  done=0
  cat "$instance/trace_pipe" </dev/null &
  exec >/dev/null
  while read -r mark; do echo "$mark" >"$instance/trace_marker"; done
  kill $!
  wait $!
fi
for try in 1 2 3 4 5 6 7 8 9 10; do rmdir "$instance" 2>/dev/null && break; sleep 0.1; done
exit $done
`

/**
 * The ways to make a trace instance here, the best first.
 *
 * Where tracefs is mounted, as systemd does it, it is used as it is: it cannot be mounted in the
 * same place twice. Otherwise, and where what is mounted cannot be written to, it is mounted in a
 * mount namespace, and is gone with that. The instance itself is the same for all mounts.
 */
export function tracefsWays(mounted = mountedTracefs()): TracefsWay[] {
  const place = mounted.includes(USUAL_PLACE) || !existsSync(USUAL_PLACE) ? '/mnt' : USUAL_PLACE
  return [
    ...mounted.map(where => ({
      tried: `mkdir ${where}/instances/…`,
      command: [],
      script: SCRIPT,
      args: [where, 'no'],
    })),
    {
      tried: 'mount -t tracefs',
      command: ['unshare', '--mount'],
      script: SCRIPT,
      args: [place, 'yes'],
    },
  ]
}

/** Where tracefs is mounted: `/sys/kernel/tracing`, `/sys/kernel/debug/tracing`. */
function mountedTracefs(): string[] {
  try {
    return parseMounts(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    return [] // no such file on this system
  }
}

/** The part of `mountedTracefs` that reads `/proc/self/mountinfo`: see proc_pid_mountinfo(5). */
export function parseMounts(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap(line => {
    const [mount = '', source = ''] = line.split(' - ')
    const [, , , root, where = ''] = mount.split(' ')
    const unescaped = where.replaceAll(/\\(\d{3})/g, (_, octal) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    )
    return source.startsWith('tracefs ') && root === '/' ? [unescaped] : []
  })
}
