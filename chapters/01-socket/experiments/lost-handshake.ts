/**
 * A handshake that loses its second segment, and then another one that loses its third: which states
 * both ends are in, and who repeats what.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { monotonicMs } from '../../../lib/lab/lab.ts'
import { experiment } from '../../../lib/textbook/experiment.ts'

interface Seen {
  /** States at both ends while the SYN+ACK is lost, while the last ACK is lost, and in the end. */
  synAckLost: string[]
  ackLost: string[]
  complete: string[]
  /** Whether the listening socket was in LISTEN both times. */
  listening: boolean
  /** When the client's `connect` and the server's `connection` came, in ms. */
  connectMs: number
  acceptMs: number
  /** Milliseconds between the first SYN+ACK and its repetition. */
  repeatedMs: number
}

const ms = (value: number) => `${value.toFixed(1)} ms`
const states = (rows: readonly { state: string }[]) => rows.map(({ state }) => state).sort()

export default experiment<Seen>({
  title: 'two handshakes: one loses its SYN+ACK, one its last ACK',
  needs: ['namespace', 'nft', 'tcpdump', 'ss'],
  claims: [
    {
      id: '1.12',
      star: true,
      says: 'connect sends the SYN, and returns when the second segment arrives.',
      verdict: 'holds',
      truth:
        'The client is content with the SYN+ACK, and cannot know whether its own ACK will ever arrive. A socket that does not block, like Node’s, returns from connect(2) at once: what comes with the SYN+ACK is the event.',
      source: 'RFC 9293 section 3.5, connect(2)',
      judge: ({ connectMs, acceptMs, ackLost }) => {
        const observed = `connect after ${ms(connectMs)}, while the server is in SYN-RECV; accepted after ${ms(acceptMs)}`
        if (!ackLost.includes('SYN-RECV')) return { verdict: 'unclear', observed }
        return { verdict: connectMs < acceptMs ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, connectMs: seen.acceptMs + 1 }),
    },
    {
      id: '1.15',
      star: true,
      says: 'The states SYN-SENT, SYN-RECEIVED and ESTABLISHED come in that order.',
      verdict: 'holds',
      truth:
        'The client asks, the server has been asked, both agree. Each state lasts until the next segment arrives, and mostly that is too short to see.',
      source: 'RFC 9293 section 3.3.2',
      judge: ({ synAckLost, ackLost, complete }) => {
        const observed = `SYN+ACK lost: ${synAckLost.join(' and ')}; ACK lost: ${ackLost.join(' and ')}; then ${complete.join(' and ')}`
        const seen = [synAckLost, ackLost, complete].map(pair => pair.join())
        const inOrder = ['SYN-RECV,SYN-SENT', 'ESTAB,SYN-RECV', 'ESTAB,ESTAB']
        return { verdict: seen.join() === inOrder.join() ? 'holds' : 'wrong', observed }
      },
      altered: seen => ({ ...seen, synAckLost: ['ESTAB', 'SYN-SENT'] }),
    },
    {
      id: '1.16',
      star: false,
      says: 'The server’s socket leaves LISTEN when a SYN arrives.',
      verdict: 'wrong',
      truth:
        'The diagram is about one connection. The listening socket stays in LISTEN; each request gets a state of its own.',
      source: 'listen(2), RFC 9293 section 3.10.7.2',
      judge: ({ synAckLost, listening }) => {
        const asked = synAckLost.includes('SYN-RECV')
        const observed = `a request in ${asked ? 'SYN-RECV' : synAckLost[0]}, and ${listening ? 'a' : 'no'} socket in LISTEN`
        return { verdict: asked && listening ? 'wrong' : 'holds', observed }
      },
      altered: seen => ({ ...seen, listening: false }),
    },
    {
      id: '1.17',
      star: true,
      says: 'When the last ACK of the handshake is lost, the server repeats its SYN+ACK.',
      verdict: 'holds',
      truth:
        'After a second, and then at doubled intervals. Data from the client helps as well: it carries an ACK.',
      source: 'RFC 9293 section 3.8.1; tcp(7), tcp_synack_retries',
      judge: ({ repeatedMs }) => ({
        verdict: repeatedMs > 0 ? 'holds' : 'wrong',
        observed: repeatedMs > 0 ? `SYN+ACK again after ${ms(repeatedMs)}` : 'no SYN+ACK again',
      }),
      altered: seen => ({ ...seen, repeatedMs: 0 }),
    },
  ],

  async run(lab, observe) {
    const listen = async () => {
      const server = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
      await once(server, 'listening')
      return { server, port: (server.address() as AddressInfo).port }
    }
    const request = (port: number) => {
      const client = connect({ port, host: '127.0.0.1' })
      return client.on('error', () => {})
    }
    /** Waits until the two ends of a connection are in these states; the listener is left out. */
    const ends = (port: number, ...wanted: string[]) =>
      lab.until(`the ends are in ${wanted.join(' and ')}`, async () => {
        const either = `sport = :${port} or dport = :${port}`
        const all = states(await lab.statistics(either.split(' ')))
        const found = all.filter(state => state !== 'LISTEN')
        return found.join() === wanted.join() && { found, listening: all.includes('LISTEN') }
      })

    const one = await listen()
    const answers = `tcp sport ${one.port} tcp flags & (syn | ack) == (syn | ack)`
    await lab.drop(answers)
    const first = request(one.port)
    const synAckLost = await ends(one.port, 'SYN-RECV', 'SYN-SENT')
    observe(`the SYN+ACK is lost: ${synAckLost.found.join(' and ')}`)
    first.destroy()
    one.server.close()

    const { server, port } = await listen()
    const capture = await lab.capture(`tcp port ${port}`)
    const synAcks = () => capture.packets.filter(({ flags }) => flags === 'S.')
    const bareAcks = `tcp dport ${port} tcp flags & (syn | ack | fin) == ack`
    const drop = await lab.drop(bareAcks)
    const startMs = monotonicMs()
    const accepting = once(server, 'connection').then(() => monotonicMs() - startMs)
    const client = request(port)
    await once(client, 'connect')
    const connectMs = monotonicMs() - startMs
    const ackLost = await ends(port, 'ESTAB', 'SYN-RECV')
    observe(`the last ACK is lost: connect after ${ms(connectMs)}, ${ackLost.found.join(' and ')}`)
    await lab.until('the SYN+ACK is repeated', () => synAcks().length > 1)
    await drop.lift()
    observe('the SYN+ACK has been repeated; from now on nothing is lost')
    const acceptMs = await accepting
    const complete = await ends(port, 'ESTAB', 'ESTAB')
    observe(`accepted after ${ms(acceptMs)}`)
    client.destroy()
    server.close()
    await capture.stop()
    const [sent, again] = synAcks()
    return {
      synAckLost: synAckLost.found,
      ackLost: ackLost.found,
      complete: complete.found,
      listening: synAckLost.listening && ackLost.listening,
      connectMs,
      acceptMs,
      repeatedMs: sent && again ? (again.tNs - sent.tNs) / 1e6 : 0,
    }
  },
})
