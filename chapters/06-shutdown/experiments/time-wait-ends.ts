/**
 * What ends TIME-WAIT before its time: an old segment that comes late, and with it the RST of a kernel
 * that knows nothing of the connection any more; and a new connection between the same two ports.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { counterChanges } from '#lib/kernel/counters.ts'
import type { Lab } from '#lib/lab/lab.ts'
import { FLAG, RAW_SEGMENT } from '#lib/lab/raw-segment.ts'
import { experiment, type Observe } from '#lib/textbook/experiment.ts'

/** An old segment that has arrived at the socket in TIME-WAIT. */
interface Late {
  /** net.ipv4.tcp_rfc1337. */
  setting: number
  /** Resets that this network has sent since then. */
  resets: number
  /** The state of the server's end afterwards. */
  state: string
  /** Flags of the segment, of the answer, and of the answer to that, where packets can be captured. */
  segments?: string[]
}

interface Observation {
  late: Late[]
  /** A new connection from the same port: whether it came about, and the state of the server's end. */
  again: { connected: boolean; state: string }
}

/** A server that closes first, and the port of the client whose connection is in TIME-WAIT there. */
async function timeWait(lab: Lab) {
  const server = createServer(socket => socket.on('error', () => {}).end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1' })
    .on('error', () => {})
    .resume()
  await once(client, 'connect')
  const from = client.localPort!
  await once(client, 'close')
  const stateOf = () =>
    lab.tcpTable(port).find(row => row.localPort === port && row.remotePort === from)?.state ??
    'none'
  await lab.waitUntil('TIME-WAIT at the server, and nothing at the client', () => {
    const others = lab.tcpTable(port).filter(row => row.localPort === from)
    return stateOf() === 'TIME-WAIT' && others.length === 0
  })
  return { server, port, from, stateOf }
}

async function lateSegment(lab: Lab, observe: Observe, setting: number): Promise<Late> {
  lab.sysctl('net.ipv4.tcp_rfc1337', setting)
  const { server, port, from, stateOf } = await timeWait(lab)
  const capture = lab.canCapture ? await lab.capture(`tcp port ${port}`) : undefined
  const before = lab.counters()
  // Its numbers are not the expected ones, so it is acknowledged with those that are.
  const segment = [from, port, 1, 1, FLAG.ACK]
  await lab.runC(RAW_SEGMENT, segment.map(String))
  const resetsSince = () => counterChanges(before, lab.counters())['Tcp.OutRsts'] ?? 0
  await lab.waitUntil('the client’s kernel has answered with a RST', () => resetsSince() > 0)
  const segments = (await capture?.stop())?.map(({ flags }) => flags)
  const [resets, state] = [resetsSince(), stateOf()]
  const seen = segments ? `[${segments.join('] [')}], ` : ''
  observe(`tcp_rfc1337 ${setting}: an old segment arrives in TIME-WAIT: ${seen}then ${state}`)
  server.close()
  return { setting, resets, state, ...(segments && { segments }) }
}

/** A SYN of the same client port. Its number is higher than all of the old connection. */
async function newConnection(lab: Lab, observe: Observe): Promise<Observation['again']> {
  const { server, port, from, stateOf } = await timeWait(lab)
  server.removeAllListeners('connection').on('connection', socket => socket.on('error', () => {}))
  const client: Socket = connect({ port, host: '127.0.0.1', localPort: from })
  const connected = await new Promise<boolean>(resolve => {
    client.once('connect', () => resolve(true)).once('error', () => resolve(false))
  })
  const state = stateOf()
  observe(`a new connection from the same port: ${connected ? 'connected' : 'refused'}, ${state}`)
  client.destroy()
  server.close()
  return { connected, state }
}

export default experiment<Observation>({
  title: 'an old segment, and a new connection, for a socket in TIME-WAIT',
  needs: ['namespace', 'cc'],
  claims: [
    {
      id: '6.26',
      essential: false,
      statement: 'TIME-WAIT lasts until its time is over, so it catches whatever comes late.',
      verdict: 'depends',
      truth:
        'An old segment that arrives in TIME-WAIT is acknowledged. A peer that has forgotten the connection answers this acknowledgement with a RST, and the RST ends TIME-WAIT, unless tcp_rfc1337 is 1. A new connection between the same two ports also replaces it, if its sequence numbers are higher.',
      source: 'RFC 1337; RFC 9293 section 3.10.7.4; kernel documentation, tcp_rfc1337',
      judge: ({ late, again }) => {
        const words = late.map(({ setting, resets, state, segments }) => {
          const how = segments ? `[${segments.join('] [')}]` : `${resets} RST`
          return `tcp_rfc1337 ${setting}: ${how}, then ${state === 'none' ? 'no socket' : state}`
        })
        const observed = `an old segment, ${words.join('; ')}; a new connection: ${again.connected ? 'connected' : 'refused'}, ${again.state}`
        if (late.some(({ resets }) => resets === 0)) return { verdict: 'unclear', observed }
        const kept = late.filter(({ state }) => state === 'TIME-WAIT').length
        if (kept === late.length && again.state === 'TIME-WAIT')
          return { verdict: 'holds', observed }
        return { verdict: kept > 0 ? 'depends' : 'wrong', observed }
      },
      counterexample: ({ late }) => ({
        late: late.map(one => ({ ...one, state: 'TIME-WAIT' })),
        again: { connected: false, state: 'TIME-WAIT' },
      }),
    },
  ],

  async run(lab, observe) {
    lab.needTimeWait()
    lab.sysctl('net.ipv4.tcp_timestamps', 1)
    const late = [await lateSegment(lab, observe, 0), await lateSegment(lab, observe, 1)]
    return { late, again: await newConnection(lab, observe) }
  },
})
