/** What a request costs that is written in two pieces, and how the cost goes away. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Milliseconds from the first write to the answer: a quarter of the rounds took no longer. */
  nagle: number
  noDelay: number
  corked: number
  /** ACKs that the kernel sent late meanwhile. */
  delayedAcks: { nagle: number; noDelay: number; corked: number }
  rounds: number
}

const ROUNDS = 25
const [HEAD, BODY] = [Buffer.from('head'), Buffer.from('body')]

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  createServer({ noDelay: true }, socket => {
    let bytes = 0
    socket.on('error', () => {})
    socket.on('data', chunk => {
      bytes += chunk.length
      for (; bytes >= 8; bytes -= 8) socket.write('answer')
    })
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Observation>({
  title: '25 requests of two writes each, with Nagle, with noDelay, and corked',
  needs: ['linux'],
  claims: [
    {
      id: '4.4',
      essential: true,
      statement:
        'Nagle’s algorithm and delayed ACKs together cost about 40 ms for each request of two writes.',
      verdict: 'holds',
      truth:
        'The sender holds the second piece back until the first is acknowledged; the receiver holds the ACK back because it hopes for an answer to send it with. Linux waits 40 ms, other systems 100 to 200. noDelay ends it, and so does one write in place of two.',
      source: 'RFC 9293 sections 3.7.4 and 3.8.6.3; RFC 1122 section 4.2.3.4',
      example: '04/nagle',
      judge: ({ nagle, noDelay, corked, delayedAcks, rounds }) => {
        const observed = `lower quartile of ${rounds}: ${nagle.toFixed(1)} ms with Nagle, ${noDelay.toFixed(2)} with noDelay, ${corked.toFixed(2)} corked; delayed ACKs: ${delayedAcks.nagle}, ${delayedAcks.noDelay}, ${delayedAcks.corked}`
        if (nagle < 30 || delayedAcks.nagle < rounds / 2) return { verdict: 'wrong', observed }
        // So long without Nagle as well: that may be the algorithm, or a machine that is busy.
        const isBusy = Math.max(noDelay, corked) > nagle / 4
        return { verdict: isBusy ? 'unclear' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, nagle: seen.noDelay }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    const quartile = async (what: string, prepare: (socket: Socket) => void, corked = false) => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      prepare(socket)
      const times: number[] = []
      const before = lab.counters()
      for (let round = 0; round < ROUNDS; round++) {
        const start = monotonicMs()
        const answer = once(socket, 'data')
        if (corked) socket.cork()
        socket.write(HEAD)
        await setImmediate()
        socket.write(BODY)
        if (corked) socket.uncork()
        await answer
        times.push(monotonicMs() - start)
      }
      socket.destroy()
      const delayed = counterChanges(before, lab.counters())['TcpExt.DelayedACKs'] ?? 0
      // What else runs on this machine makes some rounds longer, and none shorter.
      const ms = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 4)]!
      observe(
        `${what}: a quarter took at most ${ms.toFixed(2)} ms, the longest ${Math.max(...times).toFixed(2)}; ${delayed} delayed ACKs`,
      )
      return { ms, delayed }
    }
    lab.raisePriority([helper])
    const nagle = await quartile('two writes with Nagle', () => {})
    const noDelay = await quartile('with noDelay', socket => socket.setNoDelay())
    const corked = await quartile('corked', () => {}, true)
    return {
      nagle: nagle.ms,
      noDelay: noDelay.ms,
      corked: corked.ms,
      delayedAcks: { nagle: nagle.delayed, noDelay: noDelay.delayed, corked: corked.delayed },
      rounds: ROUNDS,
    }
  },
})
