import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { comeAndGo } from '#lib/workshop/crowd.ts'
import { exercise } from '#lib/workshop/exercise.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import { PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'
import {
  answerTo,
  ended,
  exchange,
  keepsTheSilent,
  othersTakeTheirPlace,
  PAUSE,
  servesCrowd,
  WORK_MS,
  worksSideBySide,
} from './uploads.ts'

const HALF_OPEN =
  'at the client’s FIN Node ends our side as well, before the answer, unless allowHalfOpen is true'

/** How long clients that are slow say nothing, in milliseconds. */
const SILENT_MS = 2500
/** So many blocks of 64 KiB are 24 MiB. */
const LARGE_BLOCKS = 384
/** How uploads begin that some readers of lines or numbers skip a part of. */
const BEGINNINGS = ['\n\n', '  ', ' \t', '\r\n', '\v\f', '\0', '\ufeff', '5', '\n5 ', '\r']

export default exercise({
  id: 'late-reply',
  title: 'An upload that is answered after its end',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A client sends the line
"work MS" and LF, where MS is a whole number of 1 to 15 digits, without leading zeros; its first line is never another one. Then it sends its upload: any bytes, as many as it likes. It says that this
was all with its FIN, and goes on reading.
At the FIN, and not before, the server begins its work: for MS milliseconds it just waits. Then it sends the line "got BYTES
SUM" and LF, and its own FIN. BYTES is the number of bytes in the upload, without the first line. SUM is the sum of their values, 0 to 255 each, modulo 65536.
Before the client's FIN the server sends nothing, however long the client takes. To a client that sends its FIN before the
first line is complete, it sends nothing but its own FIN. Clients that reset their connection, at any moment, do the others
no harm. A client may be silent for as long as it likes, at any place, also within the first line, and its work may take
as long as it says; no other client waits for that.`,
  section: 'chapters/06-shutdown/README.md#the-answer-that-never-arrives',
  hints: [
    'The FIN of the client shows as the event end, behind the last byte. It ends one direction only: which option of createServer() keeps the other one open?',
    'With allowHalfOpen the end of your side is your own duty. Write the answer, and call end() behind it.',
    'The client may be gone when you answer at last. Then the socket has an error for you: listen to it, or it ends the process.',
  ],
  steps: [
    {
      title: 'answers an upload after the client’s FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        const upload = Buffer.from('one\ntwo\nthree\n')
        probe.send(`work 0\n${upload}`)
        probe.sendFin()
        await probe.expect(answerTo(upload), { likelyCause: HALF_OPEN })
        await ended(probe)
      },
    },
    {
      title: 'works for as long as the client asks, and the answer still arrives',
      async run(check) {
        const probe = await check.connect()
        const upload = check.random.bytes(300)
        probe.send('work 300\n')
        probe.send(upload)
        const startMs = performance.now()
        probe.sendFin()
        await probe.expect(answerTo(upload), {
          likelyCause:
            'the FIN must come behind the answer: end() was called before the work was done',
        })
        // Timers may be early by a little.
        if (performance.now() - startMs < 290) {
          check.fail({ what: 'the answer came sooner than 300 ms after the FIN' })
        }
        await ended(probe)
      },
    },
    {
      title: 'finds the first line, however it is cut',
      async run(check) {
        const [probe, other] = [await check.connect(), await check.connect()]
        const upload = check.random.bytes(40)
        for (const piece of ['wo', 'rk ', '1', '0', '\n']) {
          probe.send(piece)
          // Two answers there say that the server has had its turn here, too: what is ready at the
          // same time may be read in any order.
          await exchange(check)
          await exchange(check)
        }
        await probe.sendPieces(check.random.cut(upload, 1))
        probe.sendFin()
        await probe.expect(answerTo(upload), {
          likelyCause: 'it takes the first chunk for the first line: a chunk may be less, and more',
        })
        other.send('work 0\nwork 0\n\n\nwork 0\n')
        other.sendFin()
        await other.expect(answerTo(Buffer.from('work 0\n\n\nwork 0\n')), {
          likelyCause: 'what stands behind the first line is the upload, whatever it looks like',
        })
        for (const beginning of BEGINNINGS) {
          const one = await check.connect()
          const all = Buffer.from(`${beginning}abc${beginning}`)
          one.send(Buffer.concat([Buffer.from('work 5\n'), all]))
          one.sendFin()
          await one.expect(answerTo(all), {
            likelyCause:
              'the upload begins behind LF, with whatever byte: scanf() and strip() skip some',
          })
        }
      },
    },
    {
      title: 'sends nothing before the client’s FIN, and only then begins its work',
      async run(check) {
        const probe = await check.connect()
        const [one, two] = [check.random.bytes(1000), check.random.bytes(1000)]
        probe.send('work 0\n')
        probe.send(one)
        const slow = await check.connect()
        slow.send(`work ${WORK_MS}\n`)
        slow.send(one)
        await waitUntilRead(slow, SILENT_MS)
        await check.pause(SILENT_MS)
        await exchange(check)
        if (probe.unreadBytes > 0) {
          check.fail({
            what: `it answered before the client’s FIN, with ${probe.unreadBytes} bytes`,
            sent: probe.sent,
            likelyCause: PAUSE,
          })
        }
        probe.send(two)
        probe.sendFin()
        await probe.expect(answerTo(Buffer.concat([one, two])), { likelyCause: PAUSE })
        const startMs = performance.now()
        slow.sendFin()
        await slow.expect(answerTo(one), { likelyCause: PAUSE })
        // Timers may be early by a little.
        if (performance.now() - startMs < WORK_MS - 10) {
          check.fail({
            what: `the answer to a client that was silent for ${SILENT_MS} ms before its FIN came sooner than ${WORK_MS} ms after it`,
            sent: slow.sent,
            likelyCause: 'it works while the upload comes: the time counts from the client’s FIN',
          })
        }
      },
    },
    {
      title: 'answers an empty upload, but not a client that sends nothing',
      async run(check) {
        const empty = await check.connect()
        empty.send('work 0\n')
        empty.sendFin()
        await empty.expect('got 0 0\n', {
          likelyCause: 'it begins with the first byte of the upload, which never comes',
        })
        await ended(empty)
        for (const text of ['', 'wor', 'work 0']) {
          const probe = await check.connect()
          if (text !== '') probe.send(text)
          probe.sendFin()
          await probe.expectEnd({
            likelyCause: 'without a complete first line there is only a FIN to send: end()',
            causeOfExcess: 'without a complete first line there is nothing to answer',
          })
        }
        await exchange(check)
      },
    },
    {
      title: 'takes large uploads of many clients at the same time',
      async run(check) {
        const block = check.random.bytes(64 * 1024)
        const alone = await check.connect()
        alone.send('work 0\n')
        for (let n = 0; n < LARGE_BLOCKS; n++) alone.socket.write(block)
        alone.sendFin()
        // A program may take its time for them, as long as it goes on.
        await waitUntilRead(alone, PATIENCE_MS)
        await alone.expect(answerTo(block, LARGE_BLOCKS), {
          likelyCause: 'an upload may be larger than any room for it: count its bytes as they come',
        })
        const times = Array.from({ length: 8 }, () => check.random.between(1, 6))
        const probes = await Promise.all(
          times.map(async blocks => {
            const probe = await check.connect()
            probe.send('work 100\n')
            for (let n = 0; n < blocks; n++) probe.socket.write(block)
            probe.sendFin()
            return { probe, blocks }
          }),
        )
        for (const { probe, blocks } of probes) {
          await probe.expect(answerTo(block, blocks), {
            likelyCause: 'what is counted for one client must not be counted for another',
          })
          await ended(probe)
        }
      },
    },
    {
      title: 'makes no client wait for the work of another',
      run: worksSideBySide,
    },
    {
      title: 'serves many clients at once',
      run: servesCrowd,
    },
    {
      title: 'survives clients that leave before their answer',
      async run(check) {
        const half = await check.connect()
        half.send('work 0\nhalf of it')
        await exchange(check)
        half.reset()
        await survivesResets(check, async () => {
          await exchange(check)
          for (let n = 0; n < 3; n++) {
            const probe = await check.connect()
            probe.send('work 100\nall of it')
            probe.sendFin()
            // The server has had its turn: it works now.
            await exchange(check)
            probe.reset()
          }
          // That one works longer than those that are gone.
          await exchange(check, 300)
          await othersTakeTheirPlace(check)
          await comeAndGo(
            check,
            gone => gone.send('work 0\nhalf of'),
            () => exchange(check),
          )
        })
      },
    },
    {
      title: 'lets clients fall silent at any point, and serves others meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})
