/** Requests on idle connections at about the time at which the server closes them. */
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { HelperProgram } from '#lib/lab/helper-process.ts'
import { experiment } from '#lib/textbook/experiment.ts'

interface Counts {
  /** Answered on a connection that was used before. */
  reused: number
  /** Answered on a new one, because the old one was seen to be closed. */
  fresh: number
  /** ECONNRESET on a connection that was used before. */
  lost: number
  /** Anything else. */
  other: number
}

interface Observation {
  race: Counts
  /**
   * The same with a server that says for how long it will wait, and waits a second longer. Asked
   * when Node's agent leaves, a second before that time, and by one that stays until then.
   */
  hinted: Counts
  /** By how much timers of the client and of the server were late at most, while the latter was asked. */
  lateMs: { client: number; server: number }
}

const REQUESTS = 300
const IDLE_MS = 100
const HINT_MS = 2000
/** So much earlier than the server has said Node's agent leaves. */
const AGENT_MS = 1000

interface Plan {
  port: number
  /** How long connections are idle, more or less. */
  idleMs: number
  /** Connections side by side, and how many requests on each. */
  lanes: number
  rounds: number
  /** Keeps connections whatever the server has said. */
  deaf?: boolean
}

const server: HelperProgram<{ idleMs: number; hintMs: number }> = async (
  channel,
  { idleMs, hintMs },
) => {
  const { createServer } = await import('node:http')
  const { monitorEventLoopDelay } = await import('node:perf_hooks')
  const delay = monitorEventLoopDelay({ resolution: 10 })
  const port = (server: import('node:http').Server) => {
    const address = server.address()
    return typeof address === 'object' && address?.port
  }
  const unhinted = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    request.socket.setTimeout(0)
    response.on('finish', () => request.socket.setTimeout(idleMs, () => request.socket.destroy()))
    response.end('ok')
  }).listen(0, '127.0.0.1')
  const hinted = createServer({ keepAliveTimeout: hintMs }, (_, response) => response.end('ok'))
  hinted.listen(0, '127.0.0.1', () => channel.send('listening', [port(unhinted), port(hinted)]))
  await channel.receive('measure')
  delay.enable()
  await channel.receive('late?')
  channel.send('late', delay.max / 1e6)
}

const words = ({ reused, fresh, lost, other }: Counts) =>
  `${lost} lost (ECONNRESET), ${reused} reused, ${fresh} on new connections${other ? `, ${other} others` : ''}`

export default experiment<Observation>({
  title: `${REQUESTS} requests, each on a connection that was idle for about as long as the server waits`,
  needs: [],
  claims: [
    {
      id: '5.18',
      essential: true,
      statement:
        'A client may send a request at the moment at which the server closes the idle connection, and lose it.',
      verdict: 'holds',
      truth:
        'Neither of them has done anything wrong. The client gets nothing but a RST, so it must be ready to repeat requests that may be repeated.',
      source: 'RFC 9112 section 9.5',
      example: '05/closing-race',
      judge: ({ race, hinted, lateMs }) => {
        const observed = `${words(race)}; with a hint and a margin: ${words(hinted)}`
        const isLate = lateMs.client + lateMs.server > AGENT_MS / 2
        if (hinted.lost > 0 && isLate) {
          const late = `timers were late by ${lateMs.client.toFixed(0)} ms at the client, by ${lateMs.server.toFixed(0)} ms at the server`
          return { verdict: 'unclear', observed: `${observed}; ${late}` }
        }
        // On a busy machine nobody may have come at the right moment.
        if (race.lost === 0 || hinted.reused === 0) return { verdict: 'unclear', observed }
        return { verdict: hinted.lost === 0 ? 'holds' : 'wrong', observed }
      },
      counterexample: seen => ({
        ...seen,
        hinted: { ...seen.hinted, lost: 1 },
        lateMs: { client: 0, server: 0 },
      }),
    },
  ],

  async run(lab, observe) {
    lab.needAcceptQueue()
    const helper = lab.start(server, { idleMs: IDLE_MS, hintMs: HINT_MS })
    const [unhinted, hints] = (await helper.message('listening')).value as [number, number]
    const meet = async (...plans: Plan[]): Promise<Counts> => {
      const counts: Counts = { reused: 0, fresh: 0, lost: 0, other: 0 }
      const lane = async ({ port, idleMs, rounds, deaf }: Plan, index: number) => {
        const agent = new Agent({ keepAlive: true, timeout: 5000 })
        if (deaf) agent.keepSocketAlive = () => true
        for (let round = 0; round <= rounds; round++) {
          const asking = request({ port, host: '127.0.0.1', agent })
          asking.end()
          const kind = await once(asking, 'response').then(
            async ([response]) => {
              await once(response.resume(), 'end')
              return asking.reusedSocket ? 'reused' : 'fresh'
            },
            (error: NodeJS.ErrnoException) =>
              asking.reusedSocket && error.code === 'ECONNRESET' ? 'lost' : 'other',
          )
          if (round > 0) counts[kind]++
          if (round === rounds) break
          // A little before, a little after: by two milliseconds at most.
          const ms = idleMs - 2 + ((index + round) % 5)
          await new Promise(resolve => setTimeout(resolve, ms))
        }
        agent.destroy()
      }
      const all = plans.flatMap(plan => Array.from({ length: plan.lanes }, () => plan))
      await Promise.all(all.map(lane))
      return counts
    }
    lab.raisePriority([helper])
    const race = await meet({ port: unhinted, idleMs: IDLE_MS, lanes: 30, rounds: REQUESTS / 30 })
    observe(`no hint: ${words(race)}`)
    helper.send('measure')
    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const few = { port: hints, lanes: REQUESTS / 4, rounds: 2 }
    const hinted = await meet(
      { ...few, idleMs: HINT_MS - AGENT_MS },
      { ...few, idleMs: HINT_MS, deaf: true },
    )
    observe(`hint and margin: ${words(hinted)}`)
    helper.send('late?')
    const atServer = (await helper.message('late')).value as number
    return { race, hinted, lateMs: { client: delay.max / 1e6, server: atServer } }
  },
})
