/**
 * A handshake that loses its second segment, and then two that lose their third, one of them answered
 * with a SYN cookie: which states both ends are in, and who repeats what.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type Lab, monotonicMs } from '#lib/lab/lab.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

interface Observation {
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
  /**
   * An older handshake that had a SYN cookie for an answer (tcp_syncookies 2), and lost its last ACK
   * too: SYN+ACKs by the time of that repetition, and whether the client's data completed it. Missing
   * in a kernel without cookies.
   */
  cookie?: { synAcks: number; states: string[]; completed: boolean }
}

const ms = (value: number) => `${value.toFixed(1)} ms`
const states = (rows: readonly { state: string }[]) => rows.map(({ state }) => state).sort()

/** The sockets of a port, in ss's language. */
const eitherEnd = (port: number): string[] => `sport = :${port} or dport = :${port}`.split(' ')

/**
 * Sets tcp_syncookies: 0 never, 1 where the queue of requests is full, 2 always. False where the kernel
 * has no cookies.
 */
function setCookies(lab: Lab, when: 1 | 2): boolean {
  try {
    lab.sysctl('net.ipv4.tcp_syncookies', when)
    return true
  } catch {
    return false
  }
}

async function listen() {
  const server = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

const request = (port: number): Socket => connect({ port, host: '127.0.0.1' }).on('error', () => {})

/** Waits until the two ends of a connection are in these states; the listener is left out. */
const ends = (lab: Lab, port: number, ...wanted: string[]) =>
  lab.waitUntil(`the ends are in ${wanted.join(' and ')}`, async () => {
    const all = states(await lab.statistics(eitherEnd(port)))
    const found = all.filter(state => state !== 'LISTEN')
    return found.join() === wanted.join() && { found, listening: all.includes('LISTEN') }
  })

/** The first handshake, which loses its SYN+ACK: the states of both ends. */
async function loseSynAck(lab: Lab, observe: Observe) {
  const { server, port } = await listen()
  await lab.drop(`tcp sport ${port} tcp flags & (syn | ack) == (syn | ack)`)
  const client = request(port)
  const lost = await ends(lab, port, 'SYN-RECV', 'SYN-SENT')
  observe(`the SYN+ACK is lost: ${lost.found.join(' and ')}`)
  client.destroy()
  server.close()
  return lost
}

/** Two handshakes that lose their last ACK, the older of them answered with a SYN cookie. */
async function loseLastAcks(lab: Lab, observe: Observe) {
  const [cookie, plain] = [await listen(), await listen()]
  const { port } = plain
  const capture = await lab.capture(`tcp port ${port} or tcp port ${cookie.port}`)
  const synAcks = (from = port) =>
    capture.packets.filter(
      ({ flags, source }) =>
        flags.includes('S') && flags.includes('.') && source.endsWith(`:${from}`),
    )
  const bareAcks = `tcp dport { ${port}, ${cookie.port} } tcp flags & (syn | ack | fin) == ack`
  const drop = await lab.drop(bareAcks)
  setCookies(lab, 2)
  const forgotten = request(cookie.port)
  await once(forgotten, 'connect')
  setCookies(lab, 1)
  const startMs = monotonicMs()
  const accepting = once(plain.server, 'connection').then(() => monotonicMs() - startMs)
  const client = request(port)
  await once(client, 'connect')
  const connectMs = monotonicMs() - startMs
  const lost = await ends(lab, port, 'ESTAB', 'SYN-RECV')
  observe(`the last ACK is lost: connect after ${ms(connectMs)}, ${lost.found.join(' and ')}`)
  await lab.waitUntil('the SYN+ACK is repeated', () => synAcks().length > 1)
  await drop.lift()
  const withCookie = {
    synAcks: synAcks(cookie.port).length,
    states: states(await lab.statistics(eitherEnd(cookie.port))).filter(s => s !== 'LISTEN'),
  }
  observe(`the SYN+ACK was repeated, that with a cookie was sent ${withCookie.synAcks} times`)
  const completing = once(cookie.server, 'connection')
  forgotten.write('hello')
  await completing
  observe('from now on nothing is lost: data completes the handshake with the cookie')
  const acceptMs = await accepting
  const complete = await ends(lab, port, 'ESTAB', 'ESTAB')
  observe(`accepted after ${ms(acceptMs)}`)
  for (const socket of [client, forgotten]) socket.destroy()
  for (const each of [plain.server, cookie.server]) each.close()
  await capture.stop()
  const [sent, again] = synAcks()
  const repeatedMs = sent && again ? (again.tNs - sent.tNs) / 1e6 : 0
  return { lost, complete, connectMs, acceptMs, repeatedMs, withCookie }
}

export default experiment<Observation>({
  title: 'three handshakes: one loses its SYN+ACK, two their last ACK',
  needs: ['namespace', 'nft', 'tcpdump', 'ss'],
  claims: [
    {
      id: '1.12',
      essential: true,
      statement: 'connect sends the SYN, and returns when the second segment arrives.',
      verdict: 'holds',
      truth:
        'For the client, the SYN+ACK completes the handshake. It cannot know whether its own ACK will arrive. With a non-blocking socket, like Node’s, connect(2) returns at once, and the event comes with the SYN+ACK.',
      source: 'RFC 9293 section 3.5, connect(2)',
      judge: ({ connectMs, acceptMs, ackLost }) => {
        const observed = `connect after ${ms(connectMs)}, while the server is in SYN-RECV; accepted after ${ms(acceptMs)}`
        if (!ackLost.includes('SYN-RECV')) return { verdict: 'unclear', observed }
        return { verdict: connectMs < acceptMs ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, connectMs: seen.acceptMs + 1 }),
    },
    {
      id: '1.15',
      essential: true,
      statement: 'The states SYN-SENT, SYN-RECEIVED and ESTABLISHED come in that order.',
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
      counterexample: seen => ({ ...seen, synAckLost: ['ESTAB', 'SYN-SENT'] }),
    },
    {
      id: '1.16',
      essential: false,
      statement: 'The server’s socket leaves LISTEN when a SYN arrives.',
      verdict: 'wrong',
      appliesTo: 'Linux, and POSIX, whose listening sockets go on listening',
      truth:
        'The diagram is about one connection. The listening socket stays in LISTEN; each request gets a state of its own.',
      source: 'listen(2), RFC 9293 section 3.10.7.2',
      judge: ({ synAckLost, listening }) => {
        const asked = synAckLost.includes('SYN-RECV')
        const observed = `a request in ${asked ? 'SYN-RECV' : synAckLost[0]}, and ${listening ? 'a' : 'no'} socket in LISTEN`
        return { verdict: asked && listening ? 'wrong' : 'holds', observed }
      },
      counterexample: seen => ({ ...seen, listening: false }),
    },
    {
      id: '1.17',
      essential: true,
      statement: 'When the last ACK of the handshake is lost, the server repeats its SYN+ACK.',
      verdict: 'depends',
      truth:
        'It does so after a second, and then at doubled intervals, unless it answered with a SYN cookie: then it remembers nothing that it could repeat. Data from the client completes the handshake in both cases, because it carries an ACK.',
      source:
        'RFC 9293 section 3.8.1; RFC 4987 section 3.6; tcp(7), tcp_synack_retries, tcp_syncookies',
      judge: ({ repeatedMs, cookie }) => {
        const plain = repeatedMs > 0 ? `SYN+ACK again after ${ms(repeatedMs)}` : 'no SYN+ACK again'
        if (repeatedMs <= 0) return { verdict: 'wrong', observed: plain }
        if (cookie === undefined) return { verdict: 'holds', observed: `${plain}; no cookies here` }
        const { synAcks, states, completed } = cookie
        const observed = `${plain}; with a SYN cookie, in a longer time: ${synAcks} SYN+ACK, ${states.join(' and ')}, ${completed ? '' : 'not '}completed by data`
        return { verdict: synAcks === 1 ? 'depends' : 'holds', observed }
      },
      counterexample: seen => ({
        ...seen,
        cookie: { synAcks: 2, states: ['ESTAB'], completed: true },
      }),
    },
  ],

  async run(lab, observe) {
    const canCookie = setCookies(lab, 1)
    const synAckLost = await loseSynAck(lab, observe)
    const { lost, complete, withCookie, ...times } = await loseLastAcks(lab, observe)
    return {
      synAckLost: synAckLost.found,
      ackLost: lost.found,
      complete: complete.found,
      listening: synAckLost.listening && lost.listening,
      ...times,
      ...(canCookie && { cookie: { ...withCookie, completed: true } }),
    }
  },
})
