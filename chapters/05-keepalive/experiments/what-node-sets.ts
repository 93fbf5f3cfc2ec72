/** What setKeepAlive() makes of its argument: the system calls, and the kernel's timer. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  node: string
  /** For each way to call it: the options that were set, and those that were refused. */
  calls: { delay: number | 'none'; set: string[]; refused: string[]; firstProbeS: number }[]
}

const DELAYS = ['none', 500, 1500, 3000] as const

/** Runs under strace. Between two sockets it prints where it is. */
const PROGRAM = `
import { connect, createServer } from 'node:net'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
const server = createServer(() => {}).listen(0, '127.0.0.1')
await once(server, 'listening')
for (const delay of ${JSON.stringify(DELAYS)}) {
  const socket = connect(server.address().port, '127.0.0.1')
  await once(socket, 'connect')
  if (delay === 'none') socket.setKeepAlive(true)
  else socket.setKeepAlive(true, delay)
  const [from, to] = [socket.localPort, socket.remotePort]
    .map(port => ':' + port.toString(16).toUpperCase().padStart(4, '0'))
  const row = readFileSync('/proc/net/tcp', 'latin1').split('\\n')
    .map(line => line.trim().split(/\\s+/)).find(words => words[1]?.endsWith(from) && words[2].endsWith(to))
  console.log('AFTER ' + delay + ' ' + parseInt(row[5].split(':')[1], 16) / 100)
}
process.exit(0)
`

export default experiment<Observation>({
  title: 'setKeepAlive(true), and with 500, 1500 and 3000 ms, under strace',
  needs: ['linux', 'strace'],
  claims: [
    {
      id: '5.6',
      essential: true,
      statement: 'socket.setKeepAlive(true, ms) sets when the first probe is sent.',
      verdict: 'depends',
      truth:
        'In whole seconds, rounded down. Under 1000 ms no time is set: keepalive is on with the kernel’s two hours, and Node reports no error. From 1000 ms on Node also sets the interval to one second and the number of probes to ten.',
      source: 'socket.setKeepAlive in the documentation of Node; tcp(7), TCP_KEEPIDLE; kernel',
      example: '05/tcp-keepalive',
      judge: ({ node, calls }) => {
        const words = calls.map(({ delay, set, refused, firstProbeS }) => {
          const no = refused.length > 0 ? `, refused ${refused.join(' ')}` : ''
          return `${delay}: ${set.join(' ')}${no}, first probe in ${firstProbeS.toFixed(0)} s`
        })
        const observed = `Node ${node}, ${words.join('; ')}`
        const of = (wanted: number) => calls.find(({ delay }) => delay === wanted)
        const has = (wanted: number, option: string) => of(wanted)?.set.includes(option)
        const whole = has(3000, 'KEEPIDLE=3') && has(1500, 'KEEPIDLE=1')
        if (!whole) return { verdict: 'unclear', observed }
        return { verdict: of(500)!.firstProbeS < 1 ? 'holds' : 'depends', observed }
      },
      counterexample: seen => ({
        ...seen,
        calls: seen.calls.map(call => ({ ...call, firstProbeS: call.firstProbeS / 10_000 })),
      }),
    },
  ],

  async run(_lab, observe) {
    const node = [process.execPath, '--input-type=module', '-e', PROGRAM]
    const { stdout, stderr } = await promisify(execFile)(
      'strace',
      ['-f', '-qq', '-s', '64', '-e', 'trace=setsockopt,write', '-e', 'signal=none', ...node],
      { maxBuffer: 2 ** 24 },
    )
    const probes = [...stdout.matchAll(/^AFTER (\S+) ([\d.]+)$/gm)].map(match => Number(match[2]))
    // What happened before each of the program's own lines belongs to it.
    const parts = stderr.split(/"AFTER /).slice(0, DELAYS.length)
    const calls = parts.map((part, at) => {
      const options = [...part.matchAll(/(SO_KEEPALIVE|TCP_KEEP\w+), \[(\d+)\], 4\) = (-?\d+)/g)]
      const named = (ok: boolean) =>
        options
          .filter(([, , , result]) => (result === '0') === ok)
          .map(([, name, value]) => `${name?.replace(/^\w+?_/, '')}=${value}`)
      return {
        delay: DELAYS[at]!,
        set: named(true),
        refused: named(false),
        firstProbeS: probes[at] ?? -1,
      }
    })
    for (const { delay, set, refused, firstProbeS } of calls)
      observe(
        `${delay}: set ${set.join(' ')}; refused ${refused.join(' ') || 'nothing'}; first probe in ${firstProbeS.toFixed(0)} s`,
      )
    return { node: process.versions.node, calls }
  },
})
