/** What becomes of bytes that have been written when the writer closes, and when it resets. */
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
  /** Bytes that the server wrote before each close. */
  wrote: number
  /** State of the server's socket while nobody had read, and whether a process owned it. */
  orphan: { state: string; owned: boolean }
  afterClose: Case
  afterReset: Case
}

const BYTES = 60_000

type How = 'close' | 'reset'

const server: PeerProgram<{ how: How; bytes: number }> = async (wire, { how, bytes }) => {
  const { createServer } = await import('node:net')
  createServer(socket => {
    socket.on('error', () => {})
    socket.on('close', () => wire.send('closed'))
    socket.write(Buffer.alloc(bytes), async () => {
      // A reset is for bytes that have arrived: it would throw away those that have not.
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
  title: `${BYTES} bytes, then a close or a reset; the reader begins after that`,
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
      judge: ({ wrote, orphan, afterClose }) => ({
        verdict: afterClose.got === wrote && afterClose.ended === 'end' ? 'holds' : 'wrong',
        observed: `${afterClose.got} of ${wrote} bytes, then ${afterClose.ended}; meanwhile ${orphan.state}, owned by ${orphan.owned ? 'a' : 'no'} process`,
      }),
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
      judge: ({ wrote, afterReset }) => {
        const observed = `the peer reset the connection on purpose: ${afterReset.got} of ${wrote} bytes, then ${afterReset.ended}`
        const known = ['ECONNRESET', 'end'].includes(afterReset.ended)
        return { verdict: known ? 'depends' : 'holds', observed }
      },
      altered: seen => ({ ...seen, afterReset: { got: 0, ended: 'ENETUNREACH' } }),
    },
  ],

  async run(lab, observe) {
    const run = async (how: How): Promise<Case & { orphan: Seen['orphan'] }> => {
      const peer = lab.start(server, { how, bytes: BYTES })
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
      await lab.until('all bytes are in the client’s kernel', () =>
        lab.table(port).some(row => row.remotePort === port && row.rxQueue === BYTES),
      )
      peer.tell('go')
      await peer.message('closed')
      const row = lab.table(port).find(r => r.localPort === port && r.state !== 'LISTEN')
      const orphan = { state: row?.state ?? 'no socket', owned: (row?.inode ?? 0) !== 0 }
      client.resume()
      // Not once(): it would take the error for its own.
      await new Promise(resolve => client.once('close', resolve))
      observe(`${how}: ${client.bytesRead} of ${BYTES} bytes, then ${ended}`)
      return { got: client.bytesRead, ended, orphan }
    }
    const { orphan, ...afterClose } = await run('close')
    const { orphan: _none, ...afterReset } = await run('reset')
    return { wrote: BYTES, orphan, afterClose, afterReset }
  },
})
