/** A client's process is killed: what its kernel does for it, with no keepalive anywhere. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { readTcpTimer } from '#lib/kernel/tcp-timer.ts'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Case {
  /** `end`, or the code of an error. */
  event: string
  afterMs: number
  timer: string
}

interface Observation {
  clean: Case
  unread: Case
}

const client: HelperProgram<{ port: number }> = async (channel, { port }) => {
  const { connect } = await import('node:net')
  connect(port, '127.0.0.1', () => channel.send('connected')).on('error', () => {})
}

const words = ({ event, afterMs }: Case) => `${event} after ${afterMs.toFixed(1)} ms`

export default experiment<Observation>({
  title: 'SIGKILL for a client, with and without bytes that it has not read',
  needs: ['linux'],
  claims: [
    {
      id: '5.9',
      essential: true,
      statement: 'When a client fails suddenly, only keepalive lets the server notice.',
      verdict: 'depends',
      truth:
        'Only when its machine or the line fails. When the program dies, its kernel lives, and closes the connection at once: with a FIN, or with a RST where bytes were not read.',
      source: 'RFC 9293 section 3.6; close(2)',
      example: '05/heartbeat',
      judge: ({ clean, unread }) => {
        const observed = `${clean.timer}: ${words(clean)}; with unread bytes: ${words(unread)}`
        const told = clean.event === 'end' && unread.event === 'ECONNRESET'
        return { verdict: told ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, clean: { ...seen.clean, event: 'nothing' } }),
    },
  ],

  async run(lab, observe) {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const kill = async (unread: boolean): Promise<Case> => {
      const helper = lab.start(client, { port })
      const [socket] = (await once(server, 'connection')) as [Socket]
      await helper.message('connected')
      if (unread) {
        await helper.pause()
        socket.write('hello')
        await lab.waitUntil('the bytes have arrived', () =>
          lab.tcpTable(port).some(row => row.remotePort === port && row.rxQueue === 5),
        )
      }
      const timer = readTcpTimer(socket)?.kind ?? 'none'
      const event = new Promise<string>(resolve => {
        socket.on('end', () => resolve('end'))
        socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      })
      socket.resume()
      const startMs = monotonicMs()
      const [what] = await Promise.all([event, helper.kill()])
      const afterMs = monotonicMs() - startMs
      observe(`${unread ? '5 bytes unread' : 'nothing unread'}: the server gets ${what}`)
      return { event: what, afterMs, timer: timer === 'none' ? 'no timer' : timer }
    }
    return { clean: await kill(false), unread: await kill(true) }
  },
})
