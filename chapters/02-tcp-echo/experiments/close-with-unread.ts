/**
 * What a close does to bytes that nobody has read: the same close, with and without them; and which RST
 * ends a connection.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import type { Lab } from '#lib/lab/lab.ts'
import { FLAG, RAW_SEGMENT } from '#lib/lab/raw-segment.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

interface Case {
  /** Flags of what the closing end sent, where packets can be seen. */
  closing?: string[]
  /** What the other end's program got: `end`, or the code of an error. */
  client: string
  /** States of the sockets that are left at both ends when all is over. */
  left: string[]
}

interface Observation {
  withUnread: Case
  withoutUnread: Case
  reset: Case
  /**
   * A RST from outside whose number lies in the window and is not the next one, and then one with the next
   * number: flags of the answer, and the state after it (in a private network, with a C compiler).
   */
  injected?: { within: Injected; exact: Injected }
}

interface Injected {
  answer: string[]
  state: string
}

/** What became of a RST in words. */
const forged = ({ answer, state }: Injected): string =>
  `answered by ${answer.length > 0 ? `[${answer.join('] [')}]` : 'nothing'}, then ${state}`

type How = 'unread' | 'read' | 'reset'

/** Accepts one client, waits until it is told to, and closes. */
const server: HelperProgram<{ how: How }> = async (channel, { how }) => {
  const { createServer } = await import('node:net')
  createServer({ pauseOnConnect: how === 'unread' }, async socket => {
    socket.on('error', () => {})
    if (how !== 'unread') socket.once('data', () => channel.send('read'))
    await channel.receive('close')
    if (how === 'reset') socket.resetAndDestroy()
    else socket.destroy()
  }).listen(0, '127.0.0.1', function (this: import('node:net').Server) {
    const address = this.address()
    channel.send('listening', typeof address === 'object' && address?.port)
  })
}

const words = ({ closing, client, left }: Case) =>
  `${closing ? `[${closing.join('] [') || 'nothing'}], ` : ''}client: ${client}, left: ${left.join(', ') || 'nothing'}`

/** Sends a server two resets that its client has not sent. */
async function inject(lab: Lab, observe: Observe): Promise<NonNullable<Observation['injected']>> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const capture = await lab.capture(`tcp port ${port}`)
  const client = connect({ port, host: '127.0.0.1' }).on('error', () => {})
  const [accepted] = (await once(server, 'connection')) as [Socket]
  accepted.on('error', () => {})
  if (client.connecting) await once(client, 'connect')
  const from = client.localPort!
  const next = await lab.waitUntil('the SYN is captured', () => {
    const syn = capture.packets.find(({ flags }) => flags.includes('S') && !flags.includes('.'))
    return syn?.seq !== undefined && (syn.seq + 1) >>> 0
  })
  const ofServer = () => capture.packets.filter(({ source }) => source.endsWith(`:${port}`))
  const stateOf = () =>
    lab.tcpTable(port).find(row => row.remotePort === from)?.state ?? 'no socket'
  const send = async (ahead: number): Promise<Injected> => {
    const before = ofServer().length
    await lab.runC(RAW_SEGMENT, [from, port, (next + ahead) >>> 0, 0, FLAG.RST].map(String))
    await lab.waitUntil(
      'the RST has had its effect',
      () => ofServer().length > before || stateOf() === 'no socket',
    )
    const injected = {
      answer: ofServer()
        .slice(before)
        .map(({ flags }) => flags),
      state: stateOf(),
    }
    observe(`a RST from outside, ${ahead} ahead: ${forged(injected)}`)
    return injected
  }
  const within = await send(100)
  const exact = await send(0)
  await capture.stop()
  client.destroy()
  server.close()
  return { within, exact }
}

export default experiment<Observation>({
  title: 'a close with 5 unread bytes, one without, and a reset',
  needs: ['linux'],
  claims: [
    {
      id: '2.18',
      essential: true,
      statement: 'close throws away input that has not been read.',
      verdict: 'holds',
      truth:
        'It also turns the close into a RST, which shows the peer that its bytes are lost. With everything read, the same close is a FIN.',
      source: 'RFC 9293 section 3.6.1, RFC 2525 section 2.17',
      example: '02/in-flight',
      judge: ({ withUnread, withoutUnread }) => {
        const observed = `unread: ${words(withUnread)}; read: ${words(withoutUnread)}`
        if (withoutUnread.client !== 'end') return { verdict: 'unclear', observed }
        const wasReset = ({ client, closing = ['R'] }: Case) =>
          client === 'ECONNRESET' && closing.some(flags => flags.includes('R'))
        return { verdict: wasReset(withUnread) ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, withUnread: seen.withoutUnread }),
    },
    {
      id: '2.23',
      essential: false,
      statement: 'A RST ends the connection: it must be established anew.',
      verdict: 'holds',
      truth:
        'At once and at both ends: no FIN, no TIME-WAIT, no socket left in the kernel. It must have exactly the number that is expected next. One that only lies in the window may be forged: it is answered with an ACK, and the connection lives.',
      source: 'RFC 9293 sections 3.5.3 and 3.10.7.4, RFC 5961',
      example: '02/in-flight',
      judge: ({ reset, injected }) => {
        const others = injected
          ? `; a RST from outside, within the window: ${forged(injected.within)}; with the next number: ${forged(injected.exact)}`
          : ''
        return {
          verdict: reset.client !== 'end' && reset.left.length === 0 ? 'holds' : 'wrong',
          observed: `${words(reset)}${others}`,
        }
      },
      counterexample: seen => ({ ...seen, reset: { ...seen.reset, left: ['ESTABLISHED'] } }),
    },
  ],

  async run(lab, observe) {
    const close = async (how: How): Promise<Case> => {
      const helper = lab.start(server, { how })
      const port = (await helper.message('listening')).value as number
      const capture = lab.canCapture ? await lab.capture(`tcp port ${port}`) : undefined
      const client = connect({ port, host: '127.0.0.1' })
      const end = new Promise<string>(resolve => {
        client.once('end', () => resolve('end'))
        client.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
      })
      client.resume()
      await once(client, 'connect')
      client.write('hello')
      await lab.waitUntil('the bytes are where they shall be', () => {
        const row = lab.tcpTable(port).find(r => r.localPort === port && r.state === 'ESTABLISHED')
        return row && row.inode !== 0 && row.rxQueue === (how === 'unread' ? 5 : 0)
      })
      if (how !== 'unread') await helper.message('read')
      helper.send('close')
      const outcome = await end
      if (!client.closed) await new Promise(resolve => client.once('close', resolve))
      await helper.kill()
      const packets = await capture?.stop()
      const closing = packets
        ?.filter(({ source, flags }) => source.endsWith(`:${port}`) && /[FR]/.test(flags))
        .map(({ flags }) => flags)
      const left = lab
        .tcpTable(port)
        .map(({ state }) => state)
        .filter(state => state !== 'LISTEN')
      const sent = closing ? `the server sends [${closing.join('] [')}], ` : ''
      observe(`${how}: ${sent}the client gets ${outcome}`)
      return { ...(closing ? { closing } : {}), client: outcome, left }
    }
    const seen = {
      withUnread: await close('unread'),
      withoutUnread: await close('read'),
      reset: await close('reset'),
    }
    const canInject = lab.isPrivate && lab.canCompile && lab.canCapture
    return canInject ? { ...seen, injected: await inject(lab, observe) } : seen
  },
})
