/**
 * The clients of all servers, in a process of their own: `client.ts`, asked by message.
 *
 * Every byte of every answer is compared with what it must be, in every measurement.
 */

import { median, quantile } from '../statistics.ts'
import { type Script, scriptOf, Talker } from './conversation.ts'
import { processNs } from './cpu.ts'
import { kindOf } from './kinds.ts'

interface Target {
  kind: string
  port: number
  /** Bytes of payload. */
  bytes: number
}

export type Request =
  | (Target & { ask: 'load'; pid: number; links: number; window: number; ms: number })
  | (Target & { ask: 'schedule'; links: number; perSecond: number; ms: number })
  | (Target & { ask: 'hold'; links: number })
  | { ask: 'release' }
  | (Target & { ask: 'burst'; links: number })

export interface Load {
  messages: number
  seconds: number
  /** Time that all threads of the server ran; `null` where the system does not show it. */
  serverNs: number | null
  /** Of the whole measurement, with what came before and after the time that counts. */
  sent: number
  answered: number
  bytesVerified: number
}

export interface Latencies {
  count: number
  p50Us: number
  p99Us: number
  maxUs: number
  /** By how much the client was late to send, at the 99th percentile: part of the latency. */
  lateP99Us: number
  bytesVerified: number
}

export interface Held {
  links: number
  bytesVerified: number
}

/** A measurement that has not ended by then never will. */
const limitMs = 60_000

/** Runs `body` with a way to fail that ends it at once, and resets all connections afterwards. */
async function withTalkers<T>(
  talkers: Talker[],
  body: (fail: (error: Error) => void) => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(() => {
        const missing = talkers.reduce((sum, { sent, answered }) => sum + sent - answered, 0)
        reject(new Error(`${missing} answers had not come after ${limitMs / 1000} s`))
      }, limitMs)
      body(reject).then(resolve, reject)
    })
  } finally {
    clearTimeout(timer)
    await Promise.all(talkers.map(talker => talker.reset()))
  }
}

function total(talkers: readonly Talker[], what: 'sent' | 'answered' | 'bytesVerified'): number {
  return talkers.reduce((sum, talker) => sum + talker[what], 0)
}

const delay = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Each connection always has `window` messages that are not answered yet. */
async function load(request: Request & { ask: 'load' }): Promise<Load> {
  const { links, window, ms, pid } = request
  const script = await scriptOf(kindOf(request.kind).wire, request.port, request.bytes)
  const talkers: Talker[] = []
  return withTalkers(talkers, async fail => {
    let running = true
    let answered = 0
    let goal = 0
    let reached = (): void => {}
    /** Waits until so many answers have come in all. */
    const until = (answers: number): Promise<void> =>
      new Promise(resolve => {
        goal = answers
        reached = resolve
        if (answered >= goal) resolve()
      })
    const onAnswers = (talker: Talker, answers: number): void => {
      answered += answers
      if (running) talker.send(answers)
      if (answered >= goal) reached()
    }
    for (let i = 0; i < links; i++) talkers.push(await Talker.open(script, onAnswers, fail))
    for (const talker of talkers) talker.send(window)
    // However busy the machine is, some answers come before the time that counts, and within it.
    await Promise.all([delay(ms / 5), until(links)])
    const before = { at: performance.now(), cpu: processNs(pid), n: answered }
    await Promise.all([delay(ms), until(before.n + links)])
    const after = { at: performance.now(), cpu: processNs(pid), n: answered }
    running = false
    await until(total(talkers, 'sent'))
    return {
      messages: after.n - before.n,
      seconds: (after.at - before.at) / 1000,
      serverNs: before.cpu === null || after.cpu === null ? null : after.cpu - before.cpu,
      sent: total(talkers, 'sent'),
      answered: total(talkers, 'answered'),
      bytesVerified: total(talkers, 'bytesVerified'),
    }
  })
}

/**
 * Sends on a schedule that no answer can hold up, and counts from the time that the schedule names:
 * so a server that stalls for a moment is charged for all messages that it kept waiting.
 */
async function schedule(request: Request & { ask: 'schedule' }): Promise<Latencies> {
  const script = await scriptOf(kindOf(request.kind).wire, request.port, request.bytes)
  const gapMs = 1000 / request.perSecond
  const count = Math.max(request.links, Math.round(request.ms / gapMs))
  const latencies = new Float64Array(count)
  const late = new Float64Array(count)
  const talkers: Talker[] = []
  return withTalkers(talkers, async fail => {
    let answered = 0
    let start = 0
    let done: (() => void) | null = null
    // Message i goes out on connection i modulo `links`, so its answer is found by arithmetic.
    const onAnswers = (talker: Talker, answers: number): void => {
      const now = performance.now()
      const link = talkers.indexOf(talker)
      for (let n = talker.answered - answers; n < talker.answered; n++) {
        const message = link + n * request.links
        latencies[message] = now - start - message * gapMs
      }
      answered += answers
      if (answered === count) done?.()
    }
    for (let i = 0; i < request.links; i++) {
      talkers.push(await Talker.open(script, onAnswers, fail))
    }
    await new Promise<void>(resolve => {
      done = resolve
      let next = 0
      start = performance.now()
      const turn = (): void => {
        const now = performance.now() - start
        for (; next < count && next * gapMs <= now; next++) {
          late[next] = now - next * gapMs
          talkers[next % request.links]!.send(1)
        }
        if (next < count) setImmediate(turn)
      }
      turn()
    })
    return { ...spread([...latencies]), lateP99Us: quantile([...late], 0.99) * 1000, ...counts() }
  })

  function counts(): { bytesVerified: number } {
    return { bytesVerified: total(talkers, 'bytesVerified') }
  }
}

function spread(ms: readonly number[]): Omit<Latencies, 'lateP99Us' | 'bytesVerified'> {
  return {
    count: ms.length,
    p50Us: median(ms) * 1000,
    p99Us: quantile(ms, 0.99) * 1000,
    maxUs: Math.max(...ms) * 1000,
  }
}

const held: Talker[] = []

/** Linux has all of 127.0.0.0/8; each address brings port numbers of its own. */
function localAddress(link: number): string | undefined {
  return process.platform === 'linux' ? `127.0.0.${2 + (link % 8)}` : undefined
}

/** Opens connections, has one message answered on each, and leaves them idle. */
async function hold(request: Request & { ask: 'hold' }): Promise<Held> {
  const script = await scriptOf(kindOf(request.kind).wire, request.port, request.bytes)
  const failed = { reject: (_: Error): void => {} }
  const failure = new Promise<never>((_, reject) => {
    failed.reject = reject
  })
  const openOne = async (link: number): Promise<void> => {
    const answer = { come: (): void => {} }
    const come = new Promise<void>(resolve => {
      answer.come = resolve
    })
    const onAnswers = (): void => answer.come()
    const talker = await Talker.open(script, onAnswers, failed.reject, localAddress(link))
    held.push(talker)
    talker.send(1)
    await come
  }
  for (let from = 0; from < request.links; from += 250) {
    const some = Array.from({ length: Math.min(250, request.links - from) }, (_, i) => from + i)
    await Promise.race([failure, Promise.all(some.map(openOne))])
  }
  return { links: held.length, bytesVerified: total(held, 'bytesVerified') }
}

async function release(): Promise<Held> {
  const answer = { links: held.length, bytesVerified: total(held, 'bytesVerified') }
  await Promise.all(held.splice(0).map(talker => talker.reset()))
  return answer
}

/** All connections in one turn: from the call that sends SYN to the first whole answer of each. */
async function burst(request: Request & { ask: 'burst' }): Promise<Latencies> {
  const script: Script = await scriptOf(kindOf(request.kind).wire, request.port, request.bytes)
  const talkers: Talker[] = []
  return withTalkers(talkers, async fail => {
    const openOne = async (): Promise<number> => {
      const start = performance.now()
      let come = (_: number): void => {}
      const answer = new Promise<number>(resolve => {
        come = resolve
      })
      const onAnswers = (): void => come(performance.now() - start)
      const talker = await Talker.open(script, onAnswers, fail)
      talkers.push(talker)
      talker.send(1)
      return answer
    }
    const times = await Promise.all(Array.from({ length: request.links }, openOne))
    return {
      ...spread(times),
      lateP99Us: 0,
      bytesVerified: total(talkers, 'bytesVerified'),
    }
  })
}

async function answerTo(request: Request): Promise<Load | Latencies | Held> {
  switch (request.ask) {
    case 'load':
      return load(request)
    case 'schedule':
      return schedule(request)
    case 'hold':
      return hold(request)
    case 'release':
      return release()
    case 'burst':
      return burst(request)
  }
}

process.on('message', async (request: Request) => {
  try {
    process.send!({ answer: await answerTo(request) })
  } catch (error) {
    process.send!({ error: error instanceof Error ? error.message : String(error) })
  }
})
process.once('disconnect', () => process.exit())
process.send!({ answer: 'ready' })
