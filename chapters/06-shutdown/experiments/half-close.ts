/** What is still possible after a FIN: with half-close, and with what Node does by default. */
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** What the client got after its own FIN. */
  answer: string
  /** The client's socket when the server saw the end: its state, and whether a process had it. */
  client: { state: string; owned: boolean }
  /** What the kernel said to write(2) of the client after its FIN. */
  clientWrite: string
  /** A server with Node's default, right after the event `end`. */
  byDefault: { writable: boolean; readyState: string; write: string; answer: string }
}

const code = (error: Error | null | undefined): string =>
  error ? ((error as NodeJS.ErrnoException).code ?? error.message) : 'ok'

const write = (socket: Socket, text: string): Promise<string> =>
  new Promise(resolve => socket.write(text, error => resolve(code(error))))

/** write(2) on the descriptor, past Node's stream, which keeps the descriptor to itself. */
function kernelWrite(socket: Socket): string {
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
  try {
    writeSync(fd, 'x')
    return 'ok'
  } catch (error) {
    return code(error as Error)
  }
}

export default experiment<Observation>({
  title: 'an answer after the FIN, with allowHalfOpen and without',
  needs: ['linux'],
  claims: [
    {
      id: '6.4',
      essential: true,
      statement: 'After its FIN an end cannot send any more, but it can still receive: half-close.',
      verdict: 'holds',
      truth:
        'Each direction is closed on its own. Until the other FIN comes, the other direction works as before.',
      source: 'RFC 9293 section 3.6.1, shutdown(2)',
      example: '06/half-close',
      judge: ({ answer, clientWrite }) => ({
        verdict: answer !== '' && clientWrite === 'EPIPE' ? 'holds' : 'wrong',
        observed: `after its FIN: write(2) ${clientWrite}, received "${answer}"`,
      }),
      counterexample: seen => ({ ...seen, clientWrite: 'ok' }),
    },
    {
      id: '6.5',
      essential: true,
      statement: 'A program that has received the peer’s FIN may go on sending.',
      verdict: 'depends',
      truth:
        'TCP allows it; Node does not, unless asked: with allowHalfOpen false, its default, it answers the FIN with a FIN of its own, and a late answer is lost.',
      source: 'RFC 9293 section 3.6.1, Node documentation of net.createServer',
      example: '06/half-close',
      judge: ({ answer, byDefault }) => {
        const { writable, readyState, write, answer: late } = byDefault
        const observed = `allowHalfOpen true: "${answer}" arrives; false: writable ${writable}, ${readyState}, write ${write}, "${late}" arrives`
        if (answer === '') return { verdict: 'wrong', observed }
        return { verdict: late === '' && write !== 'ok' ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({
        ...seen,
        byDefault: { ...seen.byDefault, write: 'ok', answer: seen.answer },
      }),
    },
    {
      id: '6.6',
      essential: false,
      statement: 'A FIN means that the peer’s application has called close.',
      verdict: 'depends',
      truth:
        'It may have, or it has called shutdown for writing and still reads. A FIN only means that no more bytes will come from that end.',
      source: 'shutdown(2), RFC 9293 section 3.6',
      example: '06/half-close',
      judge: ({ answer, client }) => {
        const observed = `FIN sent, then the peer in ${client.state}, its descriptor ${client.owned ? 'open' : 'closed'}, read "${answer}"`
        return { verdict: client.owned && answer !== '' ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, client: { ...seen.client, owned: false } }),
    },
  ],

  async run(lab, observe) {
    /** Ends a client's side, and lets the server answer when it has seen the end. */
    const halfClose = async (allowHalfOpen: boolean) => {
      const server = createServer({ allowHalfOpen }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      client.on('error', () => {})
      let answer = ''
      let clientWrite = 'not tried'
      client.on('data', chunk => {
        answer += chunk
        // Its own direction is closed. Node's stream refuses a write by itself: we ask the kernel.
        clientWrite = kernelWrite(client)
      })
      const [accepted]: Socket[] = await once(server, 'connection')
      accepted!.on('error', () => {}).resume()
      client.end()
      await once(accepted!, 'end')
      // Node ends its side, if it does, right after the listeners of `end`.
      await new Promise(resolve => setImmediate(resolve))
      const row = lab.tcpTable(port).find(({ remotePort }) => remotePort === port)
      const { writable, readyState } = accepted!
      const closed = new Promise(resolve => client.once('close', resolve))
      const written = await write(accepted!, 'still talking')
      accepted!.end()
      await closed
      server.close()
      observe(`allowHalfOpen ${allowHalfOpen}: write ${written}, the client got "${answer}"`)
      return { answer, row, clientWrite, writable, readyState, write: written }
    }
    const open = await halfClose(true)
    const { row: _row, clientWrite: _write, ...byDefault } = await halfClose(false)

    return {
      answer: open.answer,
      client: { state: open.row?.state ?? 'none', owned: (open.row?.inode ?? 0) !== 0 },
      clientWrite: open.clientWrite,
      byDefault,
    }
  },
})
