import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { Failed } from '../../../../lib/workshop/failed.ts'
import { heldInMemory, staysHeldBack } from '../../../../lib/workshop/held-back.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

// No multiple of a page or of a buffer: what is lost is seen at once.
const BLOCK_BYTES = 65_537
/** More than fits into the buffers of both kernels, as Linux has them by default. */
const MUCH = 256
/** More than fits into buffers that were made large: only memory of the program holds it. */
const TOO_MUCH = 1536
/** So much of a client that does not read a server may keep in its memory. */
const MAX_HELD_BYTES = 16 * 2 ** 20
/** So long nothing must move until we ask whether it has stopped. */
const QUIET_MS = 1000

/** So often it may go on by itself: TCP fills the last of a window in a few steps, each later. */
const MOVES = 5

const NEVER_RESUMES = 'pause() is called, and resume() is not called again in the drain event'

export default exercise({
  id: 'back-pressure',
  title: 'An echo under back-pressure',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. While a client does not read, the server soon stops reading from it:
a client that goes on sending and reads nothing finds that its bytes are no longer taken, long before it has sent
96 MiB. The buffers of the kernels hold some of that, the memory of the server nearly nothing: 16 MiB are too much. The
server keeps the connection open for as long as that takes, and serves the other clients meanwhile. When the client reads, everything comes
back. When a client sends its FIN, the server sends back what is still to be sent, and then ends the connection
too. Clients that reset their connection do the others no harm.`,
  section: 'chapters/02-tcp-echo/README.md#what-write-tells-you',
  hints: [
    'write() takes whatever you give it. What does it return, and what does that mean?',
    'A socket that you do not read fills up its buffers, and then TCP holds the sender back. pause() stops reading. Which event says that it is time for resume()?',
    'pipe() and pipeline() do all that for you, but errors are still yours. By hand: if write() returns false, pause(); on drain, resume(): always of the same client.',
  ],
  steps: [
    {
      title: 'sends back what a client has sent',
      async run(at) {
        const talk = await at.connect()
        const bytes = at.random.bytes(300)
        for (const part of [bytes.subarray(0, 100), bytes.subarray(100)]) {
          talk.send(part)
          await talk.expect(part, { mistake: 'whatever comes goes back, as it comes' })
        }
      },
    },
    {
      title: 'serves the other clients while one does not read',
      async run(at) {
        const [before, sleeper] = [await at.connect(), await at.connect({ reading: false })]
        await untilHeldBack(at, sleeper, before, at.random.bytes(BLOCK_BYTES), MUCH)
        const after = await at.connect()
        for (const talk of [before, after]) await isServed(at, talk)
      },
    },
    {
      title: 'sends everything back to a client that reads late',
      async run(at) {
        const [talk, other] = [await at.connect({ reading: false }), await at.connect()]
        const block = at.random.bytes(BLOCK_BYTES)
        const sent = await untilHeldBack(at, talk, other, block, MUCH)
        staysOpen(at, talk)
        talk.finish()
        talk.read()
        await comesBack(at, talk, block, sent)
        await talk.expectEnd({
          bulk: true,
          mistake: 'nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'stops taking bytes from a client that does not read',
      async run(at) {
        const [sleeper, other] = [await at.connect({ reading: false }), await at.connect()]
        const block = at.random.bytes(BLOCK_BYTES)
        let sent = 0
        for (let moves = 0; moves < MOVES; moves++) {
          sent += await untilHeldBack(at, sleeper, other, block, TOO_MUCH - sent)
          staysOpen(at, sleeper)
          if (sent === TOO_MUCH && sleeper.waiting === 0) break
          if (await staysHeldBack(sleeper)) {
            keepsLittle(at, sleeper)
            return
          }
        }
        if (sent < TOO_MUCH) {
          at.fail({
            what: 'it stopped, and then went on to take bytes, again and again; nothing was read',
            mistake:
              'to wait for some time is no back-pressure: wait until `drain` says that somebody reads',
          })
        }
        at.fail({
          what: `the server has taken ${(TOO_MUCH * 65_536) / 2 ** 20} MiB from a client that reads nothing`,
          mistake:
            'write() returned false, and it read on: from there on all bytes pile up in its memory',
        })
      },
    },
    {
      title: 'survives clients that fall asleep and reset',
      async run(at) {
        const block = at.random.bytes(BLOCK_BYTES)
        const other = await at.connect()
        const sleepers: Talk[] = []
        // One of them until it is held back; the others have told only a part.
        for (const times of [MUCH, 16, 16]) {
          const sleeper = await at.connect({ reading: false })
          await untilHeldBack(at, sleeper, other, block, times)
          sleepers.push(sleeper)
        }
        for (const talk of sleepers) talk.reset()
        await servesOn(at)
      },
    },
  ],
})

/** Sends blocks until no more are taken, so many at most. Returns how many are on their way. */
async function untilHeldBack(
  at: Examiner,
  sleeper: Talk,
  other: Talk,
  block: Buffer,
  times: number,
): Promise<number> {
  let taken = 0
  while (taken < times && !sleeper.isGone) {
    taken += await sleeper.pour(block, times - taken, QUIET_MS)
    // Has it stopped, or is it slow? When it has answered somebody else, it had the time.
    await isServed(at, other)
    if (taken === times) break
    // One block more than was taken is on its way.
    if (sleeper.waiting > 0) return taken + 1
    taken++
  }
  return taken
}

async function isServed(at: Examiner, other: Talk): Promise<void> {
  other.send('a word')
  try {
    await other.expect('a word')
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    const { subject } = at
    if (await subject.until(() => !subject.running, 1000)) {
      at.fail({ what: `while one client did not read, ${subject.fate()}` })
    }
    at.fail({
      what: `while one client did not read, another one got no answer (${at.subject.condition()})`,
      mistake: 'it waits for the client that sleeps; only that one is to be paused',
    })
  }
}

/** What is neither in the kernels nor with us is in the memory of the server. */
function keepsLittle(at: Examiner, sleeper: Talk): void {
  if ((heldInMemory(sleeper) ?? 0) <= MAX_HELD_BYTES) return
  at.fail({
    what: 'the server stopped at last, but it keeps more than 16 MiB for a client that reads nothing',
    mistake: 'a queue of its own is large; pause as soon as write() returns false',
  })
}

function staysOpen(at: Examiner, talk: Talk): void {
  if (!talk.isGone) return
  at.fail({
    what: 'the server broke the connection of a client that did not read',
    mistake: 'a client that sleeps is to be held back, not thrown out: pause it until drain',
  })
}

/** So many blocks must come back. */
async function comesBack(at: Examiner, talk: Talk, block: Buffer, times: number): Promise<void> {
  try {
    await talk.expect(Buffer.alloc(times * block.length, block), {
      bulk: true,
      silence: NEVER_RESUMES,
    })
  } catch (error) {
    if (!(error instanceof Failed) || error.failure.mistake === NEVER_RESUMES) throw error
    // Whether it ends too early, or something else follows, is a matter of chance.
    const { offset = 0 } = error.failure
    at.fail({
      what: `bytes are missing: only the first ${offset} of ${times * block.length} bytes came back as they should`,
      offset,
      mistake:
        'when write() returns false, the bytes are taken all the same; what comes then must not be thrown away, nor, elsewhere, the part that send() has not taken',
    })
  }
}

/** One after the other: the last of them comes when the resets have been looked at. */
async function servesOn(at: Examiner): Promise<void> {
  const run = async () => {
    for (let n = 0; n < 4; n++) {
      const talk = await at.connect()
      talk.send('still there?')
      await talk.expect('still there?')
    }
  }
  await survives(
    at,
    run,
    'a socket without an error listener, as pipe() leaves it: one reset ends the server',
  )
}
