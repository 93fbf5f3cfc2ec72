import type { Examiner } from './exercise.ts'
import { count, Failed } from './failed.ts'
import type { Talk } from './talk.ts'

/**
 * How long clients say nothing, in milliseconds: longer than the usual timeouts of 5, 10 and 15 s. A
 * check takes no longer than 20 s in all.
 */
export const SILENCE_MS = 16_500
/** Servers that limit silence close all silent connections within this time. */
const CLOSING_MS = 1000
/** How often other clients are served meanwhile, in milliseconds. */
const SERVE_MS = 500

const TIMEOUT = 'a timeout ends the connection of a client that may be silent as long as it likes'
const BLOCKED =
  'it waits for a silent client, perhaps in the middle of a message, so every other client waits too'

/** A client that falls silent at some place of a conversation, and goes on much later. */
export interface SilentClient {
  /** Where it falls silent: `before its first byte`, `in the middle of a line`. */
  where: string
  talk: Talk
  /** Says the rest, and examines what comes. */
  goOn(): Promise<void>
}

/**
 * Lets clients be silent at different places of their conversations while others are served, and then
 * go on. A connection that ends meanwhile fails at once.
 *
 * @param serve A complete exchange with another client.
 */
export async function staySilent(
  { fail, subject, pause }: Examiner,
  clients: readonly SilentClient[],
  serve: () => Promise<void>,
  silenceMs = SILENCE_MS,
): Promise<void> {
  const end = performance.now() + silenceMs
  const gone = () => clients.find(({ talk }) => talk.hasEnded)
  const disturbed = () => clients.find(({ talk }) => talk.unread > 0)
  const mustBeAsTheyWere = async () => {
    const ended = gone()
    if (ended) {
      const crashed = await subject.hasEnded()
      const how = crashed ? subject.fate() : 'its connection was ended'
      fail({
        what: `while a client was silent ${ended.where}, ${how}`,
        ...(ended.talk.sent.length > 0 && { sent: ended.talk.sent }),
        ...(!crashed && { mistake: TIMEOUT }),
      })
    }
    const { talk, where } = disturbed() ?? {}
    if (talk) {
      fail({
        what: `the server sent ${count(talk.unread, 'byte')} to a client that was silent ${where}`,
        sent: talk.sent,
        mistake:
          'what a client sends is complete only when its end has come; a pause is not an end',
      })
    }
  }
  while (performance.now() < end) {
    const failed = await failureOf(serve)
    if (failed && !gone()) {
      if (await subject.hasEnded()) throw failed
      const { what, ...rest } = failed.failure
      fail({ ...rest, what: `while other clients were silent, ${what}`, mistake: BLOCKED })
    }
    const ends = clients.map(({ talk }) => talk.until(() => talk.hasEnded, SERVE_MS))
    await Promise.race([pause(SERVE_MS), ...ends])
    // Of those that a timeout ends, the first is named, whichever was heard of first.
    if (gone()) await pause(CLOSING_MS)
    await mustBeAsTheyWere()
  }
  // What came at the last moment has been read after two turns of the event loop.
  for (let turn = 0; turn < 2; turn++) await new Promise(done => setImmediate(done))
  await mustBeAsTheyWere()
  for (const { where, goOn } of clients) {
    const failed = await failureOf(goOn)
    if (!failed) continue
    const { what, ...rest } = failed.failure
    fail({ ...rest, what: `a client was silent ${where}, and went on: ${what}` })
  }
}

async function failureOf(run: () => Promise<void>): Promise<Failed | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    if (error instanceof Failed) return error
    throw error
  }
}
