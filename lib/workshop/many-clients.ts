import { CROWD, comeAndGo, gather } from './crowd.ts'
import type { Examiner, Step } from './exercise.ts'
import { Failed } from './failed.ts'
import type { Failure } from './failure.ts'
import { hasRead } from './held-back.ts'
import { SILENCE_MS, type SilentClient, staySilent } from './silence.ts'
import { survives } from './survives.ts'
import { type Expected, type Talk, WAKING_MS } from './talk.ts'

/** Requests and answers of a protocol, for the steps that several exercises share. */
export interface Dialogue {
  /** The bytes of the nth request: another request for each n. */
  request(n: number): Buffer
  /** Waits for the answers to the requests from `first` on, `times` of them. */
  answered(
    at: Examiner,
    talk: Talk,
    first: number,
    times: number,
    expected: Expected,
  ): Promise<void>
}

/** A crowd that sends at the same moment may wait for its turn. */
const CROWD_PATIENCE_MS = 20_000
/** More bytes of answers than the buffers of two sockets hold with the usual settings of Linux. */
const MUCH_BYTES = 6 * 2 ** 20
const BLOCK_BYTES = 65_536
/** How long nothing must move until a server counts as one that holds the client back. */
const QUIET_MS = 1000

const WAITS =
  'it waits for one client and serves no other meanwhile: a blocking call, or one client at a time'

/** Something else that takes long: begins it, and returns how to wait for its end. */
export type Begin = (at: Examiner) => Promise<() => Promise<void>>

/** Clients are silent before, between and inside requests, while others are served. */
export function patienceStep(dialogue: Dialogue, begin?: Begin, silenceMs = SILENCE_MS): Step {
  return {
    title: 'lets clients fall silent at any point, and serves others meanwhile',
    alongside: true,
    async run(at) {
      const silent = await silentClients(at, dialogue)
      const endMs = performance.now() + silenceMs
      const finish = await begin?.(at)
      const regular = await at.connect()
      let n = 1000
      const serve = async () => {
        const guest = await at.connect()
        for (const talk of [regular, guest]) await exchange(at, dialogue, talk, n, WAITS)
        guest.close()
        n++
      }
      await staySilent(at, silent, serve, endMs - performance.now())
      await finish?.()
    },
  }
}

export async function exchange(
  at: Examiner,
  dialogue: Dialogue,
  talk: Talk,
  n: number,
  mistake?: string,
): Promise<void> {
  talk.send(dialogue.request(n))
  await dialogue.answered(at, talk, n, 1, { mistake })
}

async function silentClients(at: Examiner, dialogue: Dialogue): Promise<SilentClient[]> {
  const length = dialogue.request(1).length
  const inside = [1, length >> 2, length >> 1, (3 * length) >> 2, length - 1]
  const cuts = [...new Set(inside)].filter(cut => cut > 0 && cut < length)
  const silent = (talk: Talk, where: string, n: number, rest: Buffer): SilentClient => ({
    talk,
    where,
    async goOn() {
      talk.send(rest)
      const mistake = `a client that was silent ${where} must still get its answer`
      await dialogue.answered(at, talk, n, 1, { mistake })
    },
  })
  const clients = [silent(await at.connect(), 'before its first byte', 0, dialogue.request(0))]
  for (const cut of [0, ...cuts]) {
    const talk = await at.connect()
    const [before, n] = [2 * cut + 2, 2 * cut + 1]
    const request = dialogue.request(n)
    // The answer to the whole request shows that the part of the next one has been read as well.
    talk.send(Buffer.concat([dialogue.request(before), request.subarray(0, cut)]))
    await dialogue.answered(at, talk, before, 1, {})
    const where = cut === 0 ? 'between two requests' : 'in the middle of a request'
    clients.push(silent(talk, where, n, request.subarray(cut)))
  }
  return clients
}

/** Many clients are inside a request at the same time; later many come and go. */
export function crowdStep(dialogue: Dialogue): Step {
  return {
    title: 'serves many clients at once, and keeps serving after they have gone',
    async run(at) {
      const limit = 'a limit on the number of clients, or room for the state of only a few of them'
      const talks = await gather(at, (talk, n) => exchange(at, dialogue, talk, n, limit))
      const rests = talks.map((talk, n) => {
        const next = dialogue.request(CROWD + n)
        const cut = 1 + (n % (next.length - 1))
        talk.send(Buffer.concat([dialogue.request(n), next.subarray(0, cut)]))
        return next.subarray(cut)
      })
      const expected = { mistake: limit, patienceMs: CROWD_PATIENCE_MS }
      for (const [n, talk] of talks.entries()) await dialogue.answered(at, talk, n, 1, expected)
      // The last to come are the first to go on.
      for (const [n, talk] of [...talks.entries()].toReversed()) talk.send(rests[n]!)
      for (const [n, talk] of talks.entries()) {
        await dialogue.answered(at, talk, CROWD + n, 1, expected)
      }
      for (const talk of talks) talk.close()
      await survives(at, () => visitors(at, dialogue))
    },
  }
}

/** Clients come one after the other, and leave in every way there is. */
async function visitors(at: Examiner, dialogue: Dialogue): Promise<void> {
  const mistake =
    'clients that have gone still use resources: free them, however the connection ended'
  const begin = async (talk: Talk, n: number) => {
    const next = dialogue.request(n + 1)
    talk.send(Buffer.concat([dialogue.request(n), next.subarray(0, next.length >> 1)]))
    await dialogue.answered(at, talk, n, 1, { mistake })
  }
  // Each of them has had an answer.
  await comeAndGo(at, begin, async () => {})
}

/** A client that has asked for more than it reads. */
interface Sleeper {
  talk: Talk
  /** Reads, and examines all answers. */
  wake(): Promise<void>
}

/** A client sends many requests, as many as the server takes, and reads no answer. */
async function fallAsleep(at: Examiner, dialogue: Dialogue, answerBytes: number): Promise<Sleeper> {
  const talk = await at.connect({ reading: false })
  const perBlock = Math.ceil(BLOCK_BYTES / answerBytes)
  const block = Buffer.concat(Array.from({ length: perBlock }, (_, n) => dialogue.request(n)))
  const blocks = Math.ceil(MUCH_BYTES / (perBlock * answerBytes))
  let sent = await talk.pour(block, blocks, QUIET_MS)
  // Where it stopped short, one more block is on its way.
  if (sent < blocks) sent++
  await hasRead(talk, QUIET_MS)
  return {
    talk,
    async wake() {
      talk.finish()
      talk.read()
      for (let n = 0; n < sent; n++) {
        await dialogue.answered(at, talk, 0, perBlock, {
          bulk: true,
          patienceMs: WAKING_MS,
          mistake:
            'answers are lost when a client does not read: send() may take only a part, and a FIN does not cancel what is still to be sent',
        })
      }
      await talk.expectEnd()
    },
  }
}

/**
 * One client sends many requests and reads no answer, also when it has sent its FIN; then it reads
 * them all. Another one is reset while its answers wait.
 */
export function slowReaderStep(dialogue: Dialogue, answerBytes: number): Step {
  return {
    title: 'serves others while one client does not read, and loses none of its answers',
    async run(at) {
      const earlier = await at.connect()
      const sleepers = [1, 2].map(() => fallAsleep(at, dialogue, answerBytes))
      const [sleeper, leaver] = (await Promise.all(sleepers)) as [Sleeper, Sleeper]
      await othersAreServed(at, dialogue, earlier)
      sleeper.talk.finish()
      leaver.talk.reset()
      await survives(at, () => othersAreServed(at, dialogue, earlier))
      await sleeper.wake()
    },
  }
}

/**
 * For `patienceStep`: a client leaves its answers unread for all that time, and then gets them all. One
 * that has sent its FIN does the same.
 */
export function unreadAnswers(dialogue: Dialogue, answerBytes: number): Begin {
  return async at => {
    const sleepers = [1, 2].map(() => fallAsleep(at, dialogue, answerBytes))
    const [open, ended] = (await Promise.all(sleepers)) as [Sleeper, Sleeper]
    ended.talk.finish()
    return async () => {
      await open.wake()
      await ended.wake()
    }
  }
}

/** For a protocol in which each answer is known byte by byte. */
export function exactDialogue(
  request: (n: number) => Buffer,
  answer: (n: number) => Buffer,
): Dialogue {
  // The same answers are expected again and again where there are many of them.
  let known = { first: 0, times: 0, bytes: Buffer.alloc(0) }
  return {
    request,
    answered: (_at, talk, first, times, expected) => {
      if (known.first !== first || known.times !== times) {
        const answers = Array.from({ length: times }, (_, n) => answer(first + n))
        known = { first, times, bytes: Buffer.concat(answers) }
      }
      return talk.expect(known.bytes, expected)
    },
  }
}

/**
 * Other clients get their answers while one reads none.
 *
 * @throws {Failed} when they do not.
 */
export async function othersAreServed(
  at: Examiner,
  dialogue: Dialogue,
  earlier: Talk,
): Promise<void> {
  const serve = async () => {
    for (const other of [earlier, await at.connect()]) {
      for (let n = 0; n < 3; n++) await exchange(at, dialogue, other, n)
    }
  }
  await otherwise(at, serve, state => ({
    what: `while one client did not read its answers, another one got none (${state})`,
    mistake: WAITS,
  }))
}

/**
 * Does something that must succeed.
 *
 * @param failure What is wrong where it does not: from what has become of the program.
 */
export async function otherwise(
  at: Examiner,
  run: () => Promise<void>,
  failure: (state: string) => Omit<Failure, 'step'>,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    const { subject } = at
    at.fail(failure((await subject.hasEnded()) ? subject.fate() : subject.condition()))
  }
}
