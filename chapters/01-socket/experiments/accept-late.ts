/** A client connects and writes while the server's program stands still: who does the handshake? */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

/** All times in milliseconds since the client called connect. */
interface Observation {
  connectedMs: number
  writtenMs: number
  /** When the server's program was let go again. */
  resumedMs: number
  acceptedMs: number
  readMs: number
  /** The server's side of the connection before accept: what the kernel's table says. */
  before: { state: string; owned: boolean; bytes: number; waiting: number }
}

const BYTES = 5

const server: HelperProgram<object> = async channel => {
  const { createServer } = await import('node:net')
  const listener = createServer(socket => {
    channel.send('accepted')
    socket.on('error', () => {})
    socket.once('data', () => channel.send('read'))
  })
  listener.listen(0, '127.0.0.1', () => {
    const address = listener.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

const ms = (value: number) => `${value.toFixed(1)} ms`

export default experiment<Observation>({
  title: 'a client connects and writes 5 bytes, while the server’s program stands still',
  needs: ['linux'],
  claims: [
    {
      id: '1.13',
      essential: true,
      statement:
        'The server calls accept; accept receives the SYN, sends the SYN+ACK and waits for the ACK.',
      verdict: 'wrong',
      appliesTo: 'Linux, and POSIX, whose accept() takes connections off a queue',
      truth:
        'The kernel does the whole handshake, as soon as the program has called listen. accept only fetches a connection that is complete already.',
      source: 'listen(2), accept(2)',
      example: '01/accept-queue',
      judge: ({ connectedMs, acceptedMs, before }) => {
        const observed = `connected after ${ms(connectedMs)}; ${before.waiting} in the queue, ${before.state}, owned by ${before.owned ? 'a' : 'no'} process; accepted after ${ms(acceptedMs)}`
        if (connectedMs >= acceptedMs) return { verdict: 'holds', observed }
        const complete = before.state === 'ESTABLISHED' && !before.owned
        return { verdict: complete ? 'wrong' : 'unclear', observed }
      },
      counterexample: seen => ({ ...seen, connectedMs: seen.acceptedMs + 1 }),
    },
    {
      id: '1.14',
      essential: true,
      statement: 'accept returns when the third segment of the handshake arrives.',
      verdict: 'depends',
      truth:
        'Not before it, unless TCP Fast Open is on; and possibly much later, when the program gets round to it. The connection waits in the queue meanwhile.',
      source: 'accept(2), RFC 7413',
      example: '01/accept-queue',
      judge: ({ connectedMs, resumedMs, acceptedMs }) => {
        const observed = `handshake complete after ${ms(connectedMs)}; the program went on after ${ms(resumedMs)}, accepted after ${ms(acceptedMs)}`
        const late = connectedMs < resumedMs && resumedMs <= acceptedMs
        return { verdict: late ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, acceptedMs: seen.connectedMs }),
    },
    {
      id: '2.11',
      essential: true,
      statement: 'write returns when the kernel has taken the bytes, not when they have arrived.',
      verdict: 'holds',
      truth:
        'The success of a write says that the bytes lie in the send buffer. Only an answer from the other program proves that it has read them.',
      source: 'send(2), RFC 9293 section 3.9.1',
      example: '02/buffers',
      judge: ({ writtenMs, readMs, before }) => ({
        verdict: writtenMs < readMs && before.bytes > 0 ? 'holds' : 'wrong',
        observed: `written after ${ms(writtenMs)}, ${before.bytes} bytes wait in the peer's kernel, read after ${ms(readMs)}`,
      }),
      counterexample: seen => ({ ...seen, writtenMs: seen.readMs + 1 }),
    },
  ],

  async run(lab, observe) {
    const helper = lab.start(server, {})
    const port = (await helper.message('listening')).value as number
    await helper.pause()
    observe('the server listens; then its program stands still')
    const startMs = monotonicMs()
    const client = connect({ port, host: '127.0.0.1' })
    client.on('error', () => {})
    await once(client, 'connect')
    const connectedMs = monotonicMs() - startMs
    observe(`the client is connected after ${ms(connectedMs)}`)
    await new Promise(resolve => client.write(Buffer.alloc(BYTES), resolve))
    const writtenMs = monotonicMs() - startMs
    const before = await lab.waitUntil('the bytes are in the server’s kernel', () => {
      const rows = lab.tcpTable(port).filter(row => row.localPort === port)
      const listener = rows.find(({ state }) => state === 'LISTEN')
      const accepted = rows.find(({ rxQueue, state }) => rxQueue === BYTES && state !== 'LISTEN')
      if (!listener || !accepted) return undefined
      const { state, inode, rxQueue } = accepted
      return { state, owned: inode !== 0, bytes: rxQueue, waiting: listener.rxQueue }
    })
    observe(`${BYTES} bytes are written after ${ms(writtenMs)}, and wait at the other side`)
    const resumedMs = monotonicMs() - startMs
    helper.resume()
    const since = ({ tNs }: { tNs: number }) => tNs / 1e6 - startMs
    const acceptedMs = since(await helper.message('accepted'))
    const readMs = since(await helper.message('read'))
    observe(`the server accepts after ${ms(acceptedMs)} and reads after ${ms(readMs)}`)
    client.destroy()
    return { connectedMs, writtenMs, resumedMs, acceptedMs, readMs, before }
  },
})
