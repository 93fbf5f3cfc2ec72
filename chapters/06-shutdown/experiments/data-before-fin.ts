/** Bytes and a FIN have arrived; only then does the receiver begin to read. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  wrote: number
  /** State of the receiver's socket before it read anything. */
  state: string
  /** What it then read, and how it ended. */
  got: number
  ended: string
}

const BYTES = 60_000

export default experiment<Observation>({
  title: `${BYTES} bytes and a FIN; the receiver reads after that`,
  needs: ['linux'],
  claims: [
    {
      id: '6.25',
      essential: false,
      statement: 'After a FIN has arrived, its receiver can read no additional data.',
      verdict: 'holds',
      truth:
        'Nothing comes after the FIN. What came before it still waits in the buffer and is handed out first: the end comes behind the last byte.',
      source: 'read(2), RFC 9293 section 3.10.4',
      example: '06/half-close',
      judge: ({ wrote, state, got, ended }) => {
        const observed = `${state}, then ${got} of ${wrote} bytes were read, then ${ended}`
        if (state !== 'CLOSE-WAIT') return { verdict: 'unclear', observed }
        return { verdict: got === wrote && ended === 'end' ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, got: 0 }),
    },
  ],

  async run(lab, observe) {
    lab.needBuffers()
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.end(Buffer.alloc(BYTES))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect({ port, host: '127.0.0.1' }).pause()
    let ended = 'no end'
    client.on('end', () => {
      ended = 'end'
    })
    client.on('error', (error: NodeJS.ErrnoException) => {
      ended = error.code ?? ''
    })
    await once(client, 'connect')
    const { state } = await lab.waitUntil('the FIN has arrived', () => {
      const row = lab.tcpTable(port).find(({ remotePort }) => remotePort === port)
      return row?.state === 'CLOSE-WAIT' && row
    })
    observe(`nothing is read yet: ${state}`)
    client.resume()
    await new Promise(resolve => client.once('close', resolve))
    observe(`${client.bytesRead} bytes were read, then ${ended}`)
    server.close()
    return { wrote: BYTES, state, got: client.bytesRead, ended }
  },
})
