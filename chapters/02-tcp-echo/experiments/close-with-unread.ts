/** What a close does to bytes that nobody has read: the same close, with and without them. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { PeerProgram } from '../../../lib/lab/peer-process.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Case {
  /** Flags of what the closing end sent, where packets can be seen. */
  closing?: string[]
  /** What the other end's program got: `end`, or the code of an error. */
  client: string
  /** States of the sockets that are left at both ends when all is over. */
  left: string[]
}

interface Seen {
  withUnread: Case
  withoutUnread: Case
  reset: Case
}

type How = 'unread' | 'read' | 'reset'

/** Accepts one client, waits until it is told to, and closes. */
const server: PeerProgram<{ how: How }> = async (wire, { how }) => {
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: how === 'unread' }, async socket => {
    socket.on('error', () => {})
    if (how !== 'unread') socket.once('data', () => wire.send('read'))
    await wire.receive('close')
    if (how === 'reset') socket.resetAndDestroy()
    else socket.destroy()
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    wire.send('listening', typeof address === 'object' && address?.port)
  })
}

const words = ({ closing, client, left }: Case) =>
  `${closing ? `[${closing.join('] [') || 'nothing'}], ` : ''}client: ${client}, left: ${left.join(', ') || 'nothing'}`

export default experiment<Seen>({
  title: 'a close with 5 unread bytes, one without, and a reset',
  needs: ['linux'],
  claims: [
    {
      id: '2.18',
      star: true,
      says: 'close throws away input that has not been read.',
      verdict: 'holds',
      truth:
        'And it turns the close into a RST: the peer learns that its bytes are lost. With everything read, the same close is a FIN.',
      source: 'RFC 9293 section 3.6.1, RFC 2525 section 2.17',
      example: '02/in-flight',
      judge: ({ withUnread, withoutUnread }) => {
        const observed = `unread: ${words(withUnread)}; read: ${words(withoutUnread)}`
        if (withoutUnread.client !== 'end') return { verdict: 'unclear', observed }
        const wasReset = ({ client, closing = ['R'] }: Case) =>
          client === 'ECONNRESET' && closing.some(flags => flags.includes('R'))
        return { verdict: wasReset(withUnread) ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, withUnread: seen.withoutUnread }),
    },
    {
      id: '2.23',
      star: false,
      says: 'A RST ends the connection: it must be established anew.',
      verdict: 'holds',
      truth: 'At once and at both ends: no FIN, no TIME-WAIT, no socket left in the kernel.',
      source: 'RFC 9293 section 3.5.3',
      example: '02/in-flight',
      judge: ({ reset }) => ({
        verdict: reset.client !== 'end' && reset.left.length === 0 ? 'holds' : 'wrong',
        observed: words(reset),
      }),
      altered: seen => ({ ...seen, reset: { ...seen.reset, left: ['ESTABLISHED'] } }),
    },
  ],

  async run(lab, observe) {
    const close = async (how: How): Promise<Case> => {
      const peer = lab.start(server, { how })
      const port = (await peer.message('listening')).value as number
      const capture = lab.canCapture ? await lab.capture(`tcp port ${port}`) : undefined
      const client = connect({ port, host: '127.0.0.1' })
      const end = new Promise<string>(resolve => {
        client.once('end', () => resolve('end'))
        client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      })
      client.resume()
      await once(client, 'connect')
      client.write('hello')
      await lab.until('the bytes are where they shall be', () => {
        const row = lab.table(port).find(r => r.localPort === port && r.state === 'ESTABLISHED')
        return row && row.inode !== 0 && row.rxQueue === (how === 'unread' ? 5 : 0)
      })
      if (how !== 'unread') await peer.message('read')
      peer.tell('close')
      const outcome = await end
      if (!client.closed) await new Promise(resolve => client.once('close', resolve))
      await peer.kill()
      const packets = await capture?.stop()
      const closing = packets
        ?.filter(({ source, flags }) => source.endsWith(`:${port}`) && /[FR]/.test(flags))
        .map(({ flags }) => flags)
      const left = lab
        .table(port)
        .map(({ state }) => state)
        .filter(state => state !== 'LISTEN')
      const sent = closing ? `the server sends [${closing.join('] [')}], ` : ''
      observe(`${how}: ${sent}the client gets ${outcome}`)
      return { ...(closing ? { closing } : {}), client: outcome, left }
    }
    return {
      withUnread: await close('unread'),
      withoutUnread: await close('read'),
      reset: await close('reset'),
    }
  },
})
