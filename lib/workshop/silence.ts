import { plural } from '#lib/program/plural.ts'
import { CheckFailed } from './check-failed.ts'
import type { CheckContext } from './exercise.ts'
import type { TcpProbe } from './tcp-probe.ts'

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
  probe: TcpProbe
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
  { fail, program, pause }: CheckContext,
  clients: readonly SilentClient[],
  serve: () => Promise<void>,
  silenceMs = SILENCE_MS,
): Promise<void> {
  const end = performance.now() + silenceMs
  const gone = () => clients.find(({ probe }) => probe.hasEnded)
  const disturbed = () => clients.find(({ probe }) => probe.unreadBytes > 0)
  const mustBeAsTheyWere = async () => {
    const ended = gone()
    if (ended) {
      const crashed = await program.hasEnded()
      const how = crashed ? program.describeEnd() : 'its connection was ended'
      fail({
        what: `while a client was silent ${ended.where}, ${how}`,
        ...(ended.probe.sent.length > 0 && { sent: ended.probe.sent }),
        ...(!crashed && { likelyCause: TIMEOUT }),
      })
    }
    const { probe, where } = disturbed() ?? {}
    if (probe) {
      fail({
        what: `the server sent ${plural(probe.unreadBytes, 'byte')} to a client that was silent ${where}`,
        sent: probe.sent,
        likelyCause:
          'what a client sends is complete only when its end has come; a pause is not an end',
      })
    }
  }
  while (performance.now() < end) {
    const failed = await failureOf(serve)
    if (failed && !gone()) {
      if (await program.hasEnded()) throw failed
      const { what, ...rest } = failed.failure
      fail({ ...rest, what: `while other clients were silent, ${what}`, likelyCause: BLOCKED })
    }
    const ends = clients.map(({ probe }) => probe.waitFor(() => probe.hasEnded, SERVE_MS))
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

async function failureOf(run: () => Promise<void>): Promise<CheckFailed | undefined> {
  try {
    await run()
    return undefined
  } catch (error) {
    if (error instanceof CheckFailed) return error
    throw error
  }
}
