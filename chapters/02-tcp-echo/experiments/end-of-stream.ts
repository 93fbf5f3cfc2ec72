/** What a FIN becomes in the reader's program, and where bytes wait that it has not read. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  /** What a program that reads got after the FIN, and after how many bytes. */
  reader: { event: string; bytes: number }
  /** What a program that does not read got, and its socket's state in the kernel. */
  sleeper: { events: string[]; state: string; waiting: number }
  /** Bytes that arrived, that a read of limited size took, and that waited after it. */
  sent: number
  read: number
  left: number
}

const SENT = 140
const READ = 40

export default experiment<Seen>({
  title: 'a FIN for one who reads and one who does not; 140 bytes, read 40 at a time',
  needs: ['linux'],
  claims: [
    {
      id: '2.21',
      star: true,
      says: 'A read that returns 0 means the end of the stream: the peer has sent its FIN.',
      verdict: 'holds',
      truth:
        'Node makes it the event `end`. But a program that does not read never gets there: the FIN waits behind the data, and the socket stays in CLOSE-WAIT.',
      source: 'read(2)',
      example: '02/echo',
      judge: ({ reader, sleeper }) => ({
        verdict: reader.event === 'end' && sleeper.events.length === 0 ? 'holds' : 'wrong',
        observed: `reader: ${reader.bytes} bytes, then ${reader.event}; who does not read: ${sleeper.events.join(', ') || 'nothing'}, ${sleeper.state} with ${sleeper.waiting} in its queue, the FIN counted as one`,
      }),
      altered: seen => ({ ...seen, reader: { event: 'close', bytes: 0 } }),
    },
    {
      id: '2.22',
      star: false,
      says: 'What a read does not take stays for the next one.',
      verdict: 'holds',
      truth: 'The kernel keeps it, in order, until somebody asks or the socket is closed.',
      source: 'read(2), recv(2)',
      judge: ({ sent, read, left }) => ({
        verdict: read + left === sent && left > 0 ? 'holds' : 'wrong',
        observed: `${sent} bytes arrived, ${read} were read, ${left} stayed`,
      }),
      altered: seen => ({ ...seen, left: 0 }),
    },
  ],

  async run(lab, observe) {
    const server = createServer(socket => {
      socket.on('error', () => {})
      socket.end(Buffer.alloc(SENT))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo

    const reader = connect({ port, host: '127.0.0.1' })
    reader.on('error', () => {})
    reader.resume()
    await once(reader, 'end')
    observe(`a program that reads: ${reader.bytesRead} bytes, then end`)

    const sleeper = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    const events: string[] = []
    for (const event of ['end', 'close', 'error']) sleeper.on(event, () => events.push(event))
    sleeper.pause()
    const row = await lab.until('the FIN is in the queue of the one who does not read', () =>
      lab
        .table(port)
        .find(r => r.localPort === sleeper.localPort && r.state === 'CLOSE-WAIT' && r.rxQueue > 0),
    )
    observe(`a program that does not read: ${row.state}, ${row.rxQueue} in its queue`)
    const seenBySleeper = [...events]
    sleeper.destroy()

    let read = 0
    const slow = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: Buffer.alloc(READ),
        callback: bytes => {
          read += bytes
          return false // enough for now
        },
      },
    })
    slow.on('error', () => {})
    const own = await lab.until('the rest waits', () =>
      lab
        .table(port)
        .find(r => r.localPort === slow.localPort && read > 0 && r.state === 'CLOSE-WAIT'),
    )
    // A FIN that has arrived counts as one.
    const left = own.rxQueue - 1
    observe(`a program that reads ${READ} bytes at a time: ${read} read, ${left} left`)
    slow.destroy()
    server.close()
    return {
      reader: { event: 'end', bytes: reader.bytesRead },
      sleeper: { events: seenBySleeper, state: row.state, waiting: row.rxQueue },
      sent: SENT,
      read,
      left,
    }
  },
})
