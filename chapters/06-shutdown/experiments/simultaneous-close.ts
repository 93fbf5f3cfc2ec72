/** Both ends close while the other's FIN is still on its way; and, for comparison, a reset. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** States of each end in the order in which they were seen. */
  a: string[]
  b: string[]
  /** Rows of both ends after a connection that was reset. */
  afterReset: string[]
}

/** Takes connections; ends one, or resets it, when it is told to. */
const server: HelperProgram<{ host: string }> = async (channel, { host }) => {
  const { createServer } = await import('node:net')
  const listener = createServer({ allowHalfOpen: true }, async socket => {
    socket.on('error', () => {})
    socket.resume()
    const how = await channel.receive('close')
    if (how === 'reset') socket.resetAndDestroy()
    else socket.end()
    channel.send('closed')
  })
  listener.listen(0, host, () => {
    const address = listener.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Observation>({
  title: 'a slow line; both ends close before the FIN of the other arrives',
  needs: ['namespace', 'ss'],
  claims: [
    {
      id: '6.14',
      essential: true,
      statement: 'Only the active closer enters TIME-WAIT.',
      verdict: 'depends',
      truth:
        'When both close before the other’s FIN arrives, both are active: both go through CLOSING, and both end in TIME-WAIT. After a reset, neither does.',
      source: 'RFC 9293 section 3.6, case 3',
      example: '06/simultaneous',
      judge: ({ a, b, afterReset }) => {
        const observed = `A: ${a.join(', ')}; B: ${b.join(', ')}; after a reset: ${afterReset.join(', ') || 'no socket'}`
        // B closed too late: it had heard of A's FIN, and was not active.
        if (b.includes('CLOSE-WAIT') || b.includes('LAST-ACK'))
          return { verdict: 'unclear', observed }
        const ends = [a, b].filter(end => end.at(-1) === 'TIME-WAIT')
        if (ends.length === 1) return { verdict: 'holds', observed }
        const both = ends.length === 2 && ends.every(end => end.includes('CLOSING'))
        return { verdict: both && afterReset.length === 0 ? 'depends' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, b: ['FIN-WAIT-1', 'none'] }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    const line = await lab.routedNetwork()
    const helper = lab.start(server, { host: line.b }, line.inside.b)
    const port = (await helper.message('listening')).value as number
    const open = async () => {
      const socket = connect({ port, host: line.b, allowHalfOpen: true }).resume()
      socket.on('error', () => {})
      await once(socket, 'connect')
      return socket
    }
    const states = () => {
      const found = (pid: number | 'self') =>
        lab.tcpTable(port, pid).find(({ state }) => state !== 'LISTEN')?.state ?? 'none'
      return { a: found('self'), b: found(helper.pid) }
    }

    const doomed = await open()
    helper.send('close', 'reset')
    await new Promise(resolve => doomed.once('close', resolve))
    await helper.message('closed')
    const afterReset = Object.values(states()).filter(state => state !== 'none')
    observe(`after a reset: ${afterReset.join(', ') || 'no socket'}`)

    const socket = await open()
    // From A to B, 125 bytes a second: a segment of one byte takes 0.4 s.
    await line.limitRate('1kbit', 2000, 100)
    socket.setNoDelay()
    // The first takes what the line lets pass at once; the FIN has to wait for the others.
    for (let segments = 0; segments < 4; segments++) socket.write('x')
    socket.end()
    await once(socket, 'finish') // the FIN is in the queue of the router
    helper.send('close', 'end')
    const a: string[] = []
    const b: string[] = []
    await lab.waitUntil(
      'both ends are in TIME-WAIT, or gone',
      () => {
        const now = states()
        if (a.at(-1) !== now.a) a.push(now.a)
        if (b.at(-1) !== now.b) b.push(now.b)
        return [now.a, now.b].every(state => state === 'TIME-WAIT' || state === 'none')
      },
      30_000,
    )
    observe(`A: ${a.join(', ')}`)
    observe(`B: ${b.join(', ')}`)
    return { a, b, afterReset }
  },
})
