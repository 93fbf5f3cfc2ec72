/** An idle connection that is probed, and one with a byte now and then that is not. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Inconclusive, type Lab, monotonicMs } from '#lib/lab/lab.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Observation {
  /** Probes in the same time: of an idle connection, of one with a byte every 250 ms. */
  idle: number
  busy: number
  /** The longest pause between two of these bytes, in milliseconds. */
  pauseMs: number
  /** The first probe, with its answer, where packets can be captured. */
  probe: { flags: string; len: number; behindNext: number; answerUs: number }
  /** What the programs at both ends of the idle connection were told. */
  events: number
}

const SECONDS = 3.6
/** So long a connection is idle before it is probed. */
const DELAY_MS = 1000
/** Shorter than that by what an acknowledgement may be delayed, and a bit. */
const MOST_PAUSE_MS = 850

/** Sequence number of a segment, from its IPv4 and TCP headers. */
const sequenceOf = (bytes: Buffer): number => bytes.readUInt32BE((bytes[0]! & 0xf) * 4 + 4)

async function open(): Promise<[client: Socket, atServer: Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [atServer] = (await once(server, 'connection')) as [Socket]
  if (client.connecting) await once(client, 'connect')
  return [client, atServer]
}

/** Segments without data that a client has sent. It gets none to acknowledge: these are probes. */
async function bareOf(lab: Lab, { localPort, remotePort }: Socket): Promise<number> {
  // Both ports: on a host, another socket may have the same local one.
  const ends = `sport = :${localPort} and dport = :${remotePort}`
  const [found] = await lab.statistics(ends.split(' '))
  if (found?.info.segs_out === undefined)
    throw new Inconclusive(`ss does not say how many segments ${localPort} has sent`)
  return Number(found.info.segs_out) - Number(found.info.data_segs_out ?? 0)
}

export default experiment<Observation>({
  title: `keepalive after 1 s: ${SECONDS} s of an idle connection, and of one with small traffic`,
  needs: ['linux', 'ss'],
  claims: [
    {
      id: '5.7',
      essential: false,
      statement: 'Every request of the client starts the keepalive timer anew.',
      verdict: 'depends',
      truth:
        'TCP knows no requests. Any segment that arrives does it: one byte, or a bare acknowledgement.',
      source: 'RFC 9293 section 3.8.4',
      judge: ({ idle, busy, pauseMs }) => {
        const observed = `${SECONDS} s idle: ${idle} probes; with one byte every 0.25 s, no request, and never a pause of more than ${pauseMs.toFixed(0)} ms: ${busy} probes`
        // After a pause that long a probe is due, whatever the byte before it did.
        if (idle === 0 || pauseMs > MOST_PAUSE_MS) return { verdict: 'unclear', observed }
        return { verdict: busy === 0 ? 'depends' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, busy: seen.idle }),
    },
    {
      id: '5.8',
      essential: true,
      needs: ['tcpdump'],
      statement: 'When the peer lives, it acknowledges the probe, and the timer starts anew.',
      verdict: 'holds',
      truth:
        'The probe is a bare ACK with a number that was used already, so the peer’s kernel answers at once. No program sees any of it.',
      source: 'RFC 9293 section 3.8.4',
      example: '05/tcp-keepalive',
      judge: ({ probe, events, idle }) => {
        const observed = `[${probe.flags}], ${probe.len} bytes, sequence number SND.NXT - ${probe.behindNext}, answered after ${probe.answerUs.toFixed(0)} µs; ${idle} probes, ${events} events in the programs`
        const answered = probe.answerUs > 0 && idle > 1 && events === 0
        return { verdict: answered ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({ ...seen, events: 2 }),
    },
  ],

  async run(lab, observe) {
    const [idle, idlePeer] = await open()
    const [busy, busyPeer] = await open()
    const ports = [idle, busy].map(({ localPort }) => `tcp port ${localPort}`)
    const capture = lab.canCapture ? await lab.capture(ports.join(' or ')) : undefined
    idle.write('hello') // for the sequence numbers
    await once(idlePeer, 'data')
    let events = 0
    for (const socket of [idle, idlePeer]) socket.on('data', () => events++)
    busyPeer.resume()
    let [pauseMs, writtenMs] = [0, monotonicMs()]
    const write = () => {
      const beforeMs = monotonicMs()
      busy.write('x')
      pauseMs = Math.max(pauseMs, monotonicMs() - writtenMs)
      writtenMs = beforeMs
    }
    // It begins before keepalive does: what is counted below may take a while to start.
    write()
    const timer = setInterval(write, 250)
    idle.setKeepAlive(true, DELAY_MS)
    busy.setKeepAlive(true, DELAY_MS)
    const count = async () => {
      pauseMs = 0
      const before = [await bareOf(lab, idle), await bareOf(lab, busy)] as const
      await new Promise(resolve => setTimeout(resolve, SECONDS * 1000))
      const probes = {
        idle: (await bareOf(lab, idle)) - before[0],
        busy: (await bareOf(lab, busy)) - before[1],
      }
      // Up to here the bytes have gone on, and one more shows how long the last pause was.
      write()
      return { ...probes, pauseMs }
    }
    observe('two connections with keepalive after 1 s; over one of them goes a byte every 0.25 s')
    lab.raisePriority()
    const probes = await lab.measureUndisturbed(observe, count, ({ pauseMs }) =>
      pauseMs > MOST_PAUSE_MS
        ? `for ${pauseMs.toFixed(0)} ms no byte was written, and a probe is due after ${DELAY_MS}`
        : undefined,
    )
    clearInterval(timer)
    observe(`idle: ${probes.idle} probes; the other: ${probes.busy}`)
    const packets = (await capture?.stop()) ?? []
    const bareFrom = ({ localPort }: Socket) =>
      packets.filter(p => p.source.endsWith(`:${localPort}`) && p.flags === '.' && p.len === 0)
    const data = packets.find(p => p.source.endsWith(`:${idle.localPort}`) && p.len === 5)!
    const [first] = bareFrom(idle)
    const answers = bareFrom(idlePeer).filter(p => p.tNs > (first?.tNs ?? Infinity))
    return {
      ...probes,
      probe: {
        flags: first?.flags ?? 'none',
        len: first?.len ?? 0,
        behindNext: first ? sequenceOf(data.bytes!) + 5 - sequenceOf(first.bytes!) : 0,
        answerUs: first && answers[0] ? (answers[0].tNs - first.tNs) / 1000 : 0,
      },
      events,
    }
  },
})
