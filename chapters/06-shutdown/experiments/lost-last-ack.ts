/** The last ACK of a close is lost, again and again; and once nobody remembers the connection. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Lab, monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** When the passive side sent its FIN, in ms since the first time. */
  finMs: number[]
  /**
   * The TIME-WAIT clock of the other side before and after each jump, in seconds that are left, and
   * how long after the jump we may have looked.
   */
  jumps: { from: number; to: number; lateS: number }[]
  /** Since the server called end(): its event `close`, and the end of LAST-ACK in the kernel. */
  closeEventMs: number
  lastAckMs: number
  /** What the kernel's table said of the server's socket at that event. */
  atClose: string
  /** The answer to a repeated FIN when TIME-WAIT had been removed, and the state after it. */
  withoutTimeWait?: { answer: string; state: string; appErrors: string[] }
}

/** Seconds left on the clock of the TIME-WAIT socket that talks to that port. */
function timeWaitLeft(port: number): number | undefined {
  const remote = port.toString(16).toUpperCase().padStart(4, '0')
  const rows = readFileSync('/proc/self/net/tcp', 'latin1').split('\n')
  // sl local remote st tx:rx tr:when …: `when` counts hundredths of a second.
  const row = rows
    .map(line => line.trim().split(/\s+/))
    .find(([, , to, st]) => {
      return to?.endsWith(`:${remote}`) && st === '06'
    })
  return row ? Number.parseInt(row[5]!.split(':')[1]!, 16) / 100 : undefined
}

/** A connection that is half-closed: the client has ended, the server knows, and has not. */
async function halfClosed(lab: Lab) {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' }).resume()
  client.on('error', () => {})
  const [accepted]: Socket[] = await once(server, 'connection')
  const appErrors: string[] = []
  accepted!.resume().on('error', (error: NodeJS.ErrnoException) => appErrors.push(`${error.code}`))
  client.end()
  const stateOf = (end: 'localPort' | 'remotePort') =>
    lab.tcpTable(port).find(row => row[end] === port && row.state !== 'LISTEN')?.state ?? 'none'
  await lab.waitUntil('half-closed', () => stateOf('remotePort') === 'FIN-WAIT-2')
  server.close()
  const capture = await lab.capture(`tcp port ${port}`)
  const fromServer = ({ source }: { source: string }) => source.endsWith(`:${port}`)
  const fins = () => capture.packets.filter(p => fromServer(p) && p.flags.includes('F'))
  const drop = await lab.drop(`tcp dport ${port} tcp flags & (syn | fin | rst | ack) == ack`)
  return { port, accepted: accepted!, stateOf, appErrors, capture, fromServer, fins, drop }
}

export default experiment<Observation>({
  title: 'a close whose last ACK is lost',
  needs: ['namespace', 'nft', 'tcpdump', 'ss'],
  claims: [
    {
      id: '6.17',
      essential: true,
      statement:
        'If the last ACK is lost, the FIN is sent again and acknowledged again, and 2 MSL start anew.',
      verdict: 'holds',
      truth:
        'That is what TIME-WAIT is good for: the kernel can still answer. Each repeated FIN sets the timer back to 60 s.',
      source: 'RFC 9293 section 3.10.7.4',
      judge: ({ finMs, jumps }) => {
        const at = finMs.map(ms => (ms / 1000).toFixed(2)).join(', ')
        const observed = `FIN at ${at} s; the clock jumped ${jumps.map(({ from, to }) => `from ${from.toFixed(2)} to ${to.toFixed(2)} s`).join(', ') || 'never'}`
        const anew = jumps.length > 0 && jumps.every(({ to, lateS }) => to + lateS > 59)
        return { verdict: finMs.length > 2 && anew ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, jumps: [] }),
    },
    {
      id: '6.18',
      essential: true,
      needs: ['ss -K'],
      statement: 'Without TIME-WAIT, that FIN would be answered by a RST.',
      verdict: 'holds',
      truth:
        'A kernel that has forgotten the connection can only say that there is none. The other side loses its socket; the data had arrived before.',
      source: 'RFC 9293 section 3.10.7.1, RFC 1337',
      judge: ({ withoutTimeWait }) => {
        if (withoutTimeWait === undefined)
          return { verdict: 'unclear', observed: 'TIME-WAIT could not be removed' }
        const { answer, state, appErrors } = withoutTimeWait
        const observed = `TIME-WAIT removed: the next FIN is answered by [${answer}]; the other side: ${state === 'none' ? 'no socket' : state}, ${appErrors.join() || 'no error in its program'}`
        return { verdict: answer.includes('R') ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        withoutTimeWait: { ...seen.withoutTimeWait!, answer: '.' },
      }),
    },
    {
      id: '6.23',
      essential: true,
      statement: 'close returns at once; the socket is only marked as closed.',
      verdict: 'holds',
      truth:
        'The program is done with it, but the kernel goes on sending, repeating and waiting for a socket that no process owns any more.',
      source: 'close(2), RFC 9293 section 3.10.4',
      judge: ({ closeEventMs, lastAckMs, atClose }) => ({
        verdict: atClose === 'LAST-ACK' ? 'holds' : 'wrong',
        observed: `the event close after ${closeEventMs.toFixed(0)} ms, in ${atClose}; LAST-ACK until ${lastAckMs.toFixed(0)} ms`,
      }),
      counterexample: seen => ({ ...seen, atClose: 'none' }),
    },
  ],

  async run(lab, observe) {
    lab.needTimers()
    lab.needTimeWait()
    lab.sysctl('net.ipv4.tcp_orphan_retries', 0) // which stands for 8
    const one = await halfClosed(lab)
    const startMs = monotonicMs()
    const closed = once(one.accepted, 'close').then(() => ({
      closeEventMs: monotonicMs() - startMs,
      atClose: one.stateOf('localPort'),
    }))
    one.accepted.end()
    const { closeEventMs, atClose } = await closed
    observe(
      `every bare ACK to the server is lost; it ends, its close came after ${closeEventMs.toFixed(0)} ms`,
    )
    const jumps: Observation['jumps'] = []
    let before: number | undefined
    let lookedMs = monotonicMs()
    await lab.waitUntil('five FINs', () => {
      const left = timeWaitLeft(one.port)
      const nowMs = monotonicMs()
      if (before !== undefined && left !== undefined && left > before + 0.1)
        jumps.push({ from: before, to: left, lateS: (nowMs - lookedMs) / 1000 })
      before = left
      lookedMs = nowMs
      return one.fins().length >= 5
    })
    await one.drop.lift()
    observe(`${one.fins().length} FINs, ${jumps.length} jumps; from now on nothing is lost`)
    await lab.waitUntil('LAST-ACK is over', () => one.stateOf('localPort') === 'none')
    const lastAckMs = monotonicMs() - startMs
    observe(`the ACK has got through; LAST-ACK ended after ${lastAckMs.toFixed(0)} ms`)
    const fins = one.fins()
    const finMs = fins.map(({ tNs }) => (tNs - fins[0]!.tNs) / 1e6)
    await one.capture.stop()

    const times = { finMs, jumps, closeEventMs, lastAckMs, atClose }
    if (!lab.canKill) return times

    const two = await halfClosed(lab)
    two.accepted.end()
    await lab.waitUntil('TIME-WAIT', () => two.stateOf('remotePort') === 'TIME-WAIT')
    execFileSync('ss', ['-K', 'state', 'time-wait', 'dport', '=', `:${two.port}`])
    observe(`TIME-WAIT removed by hand (ss -K): ${two.stateOf('remotePort')} left at that end`)
    const reset = () =>
      two.capture.packets.find(packet => !two.fromServer(packet) && packet.flags.includes('R'))
    await lab.waitUntil('LAST-ACK is over', () => two.stateOf('localPort') === 'none')
    const answer = (await lab.waitUntil('the answer is captured', reset)).flags
    observe(`the next FIN is answered by [${answer}]`)
    await two.capture.stop()
    const withoutTimeWait = { answer, state: two.stateOf('localPort'), appErrors: two.appErrors }
    return { ...times, withoutTimeWait }
  },
})
