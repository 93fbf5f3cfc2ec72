/** What becomes of bytes that have been written when the writer closes, and what a reset tells. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Case {
  /** Bytes that the reader got in the end, and how its stream ended. */
  got: number
  ended: string
}

interface Seen {
  /** Bytes that the server wrote before it closed, and before it reset the connection. */
  wrote: { close: number; reset: number }
  /** The server's socket after the close: its state, its owner, and the bytes not acknowledged. */
  orphan: { state: string; owned: boolean; unsent: number }
  afterClose: Case
  afterReset: Case
  /** The server closed without having read what the client had sent. */
  afterUnread: Case
}

/** More than a receive buffer takes while nobody reads, and less than a send buffer does. */
const MUCH = 2 ** 19
/** Little enough to arrive at once. */
const LITTLE = 60_000

type How = 'close' | 'reset' | 'unread'
const WRITES: Record<How, number> = { close: MUCH, reset: LITTLE, unread: 0 }

const server: PeerProgram<{ how: How; bytes: number }> = async (wire, { how, bytes }) => {
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: true }, socket => {
    socket.on('error', () => {})
    socket.on('close', () => wire.send('closed'))
    // The callback comes when the kernel has taken everything.
    socket.write(Buffer.alloc(bytes), async () => {
      wire.send('written')
      await wire.receive('go')
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroy()
    })
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    wire.send('listening', typeof address === 'object' && address?.port)
  })
}

export default experiment<Seen>({
  title: 'bytes, then a close or a reset; the reader begins after that',
  needs: ['linux'],
  claims: [
    {
      id: '2.17',
      star: true,
      says: 'After a close, what is left in the output buffer is still sent.',
      verdict: 'holds',
      truth:
        'The descriptor is gone, but the kernel keeps the socket until everything has been sent and acknowledged. Only a reset ends that.',
      source: 'close(2), RFC 9293 section 3.10.4; tcp(7), tcp_max_orphans',
      example: '02/in-flight',
      judge: ({ wrote, orphan, afterClose }) => {
        const observed = `closed with ${orphan.unsent} bytes not delivered, ${orphan.state}, owned by ${orphan.owned ? 'a' : 'no'} process; the reader got ${afterClose.got} of ${wrote.close}, then ${afterClose.ended}`
        if (orphan.unsent === 0) return { verdict: 'unclear', observed }
        const all = afterClose.got === wrote.close && afterClose.ended === 'end'
        return { verdict: all ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, afterClose: { got: 0, ended: 'ECONNRESET' } }),
    },
    {
      id: '2.19',
      star: true,
      says: 'ECONNRESET says that the network has a problem.',
      verdict: 'depends',
      truth:
        'It says that a RST came, mostly because the peer’s program or kernel wanted it. Bytes that had arrived before can still be read; some versions of Node then report a plain end.',
      source: 'RFC 9293 section 3.5.3, read(2)',
      example: '02/in-flight',
      judge: ({ wrote, afterReset, afterUnread }) => {
        const observed = `on a network without loss: the peer closed without reading: ${afterUnread.ended}; it reset on purpose: ${afterReset.got} of ${wrote.reset} bytes, then ${afterReset.ended}`
        return { verdict: afterUnread.ended === 'ECONNRESET' ? 'depends' : 'holds', observed }
      },
      altered: seen => ({ ...seen, afterUnread: { got: 0, ended: 'end' } }),
    },
  ],

  async run(lab, observe) {
    const run = async (how: How): Promise<Case & { orphan: Seen['orphan'] }> => {
      const peer = lab.start(server, { how, bytes: WRITES[how] })
      const port = (await peer.message('listening')).value as number
      const client = connect({ port, host: '127.0.0.1' })
      client.pause()
      let ended = 'neither end nor error'
      client.on('end', () => {
        ended = 'end'
      })
      client.on('error', (error: NodeJS.ErrnoException) => {
        ended = error.code ?? ''
      })
      await once(client, 'connect')
      await peer.message('written')
      if (how === 'unread') {
        client.write('hello')
        await lab.until('the bytes are in the server’s kernel', () =>
          lab.table(port).some(row => row.localPort === port && row.rxQueue === 5),
        )
      } else if (how === 'reset') {
        // A reset throws away what has not arrived: here, everything has.
        await lab.until('all bytes are in the client’s kernel', () =>
          lab.table(port).some(row => row.remotePort === port && row.rxQueue === LITTLE),
        )
      }
      peer.tell('go')
      await peer.message('closed')
      const row = lab.table(port).find(r => r.localPort === port && r.state !== 'LISTEN')
      const orphan = {
        state: row?.state ?? 'no socket',
        owned: (row?.inode ?? 0) !== 0,
        unsent: row?.txQueue ?? 0,
      }
      if (how === 'close') {
        observe(`closed: ${orphan.unsent} bytes wait in the kernel, ${orphan.state}`)
      }
      client.resume()
      // Not once(): it would take the error for its own.
      await new Promise(resolve => client.once('close', resolve))
      observe(`${how}: ${client.bytesRead} of ${WRITES[how]} bytes, then ${ended}`)
      return { got: client.bytesRead, ended, orphan }
    }
    const { orphan, ...afterClose } = await run('close')
    const { orphan: _reset, ...afterReset } = await run('reset')
    const { orphan: _unread, ...afterUnread } = await run('unread')
    return { wrote: WRITES, orphan, afterClose, afterReset, afterUnread }
  },
})
