import fc from 'fast-check'
import type { End, JsEvent } from '#lib/trace/recording.ts'

/** An event of the JavaScript lane, with what a test does not care about filled in. */
export function event(
  end: End,
  ms: number,
  text: string,
  more: Partial<Omit<JsEvent, 'lane'>> = {},
): JsEvent {
  const [name = ''] = text.split(' ')
  return { tNs: ms * 1e6, end, lane: 'js', event: name, text, ...more }
}

const KINDS = [
  { event: 'listening', text: 'listening 127.0.0.1:7020' },
  { event: 'print', text: 'accepted 127.0.0.1:40000' },
  { event: 'error', text: 'error ECONNRESET in read' },
  { event: 'exit', text: 'exit code 1: it said nothing' },
  { event: 'connection', text: 'connection 127.0.0.1:40000' },
  { event: 'data', text: 'data' },
  { event: 'write()', text: 'write()' },
  { event: 'end', text: 'end' },
  { event: 'close', text: 'close' },
]

/** Events in the order of time, as two programs make them. */
export const eventsInOrder: fc.Arbitrary<JsEvent[]> = fc
  .array(
    fc.record({
      gapNs: fc.integer({ min: 0, max: 5e6 }),
      end: fc.constantFrom('server' as const, 'client' as const),
      // Some kinds come in masses.
      kind: fc.oneof(fc.constantFrom(...KINDS), fc.constant(KINDS[5]!)),
      socket: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
      bytes: fc.option(fc.integer({ min: 0, max: 70_000 }), { nil: undefined }),
    }),
    { maxLength: 120 },
  )
  .map(events => {
    let tNs = 0
    return events.map(({ gapNs, end, kind, socket, bytes }): JsEvent => {
      tNs += gapNs
      return {
        tNs,
        end,
        lane: 'js',
        ...kind,
        ...(socket === undefined ? {} : { socket }),
        ...(bytes === undefined ? {} : { bytes }),
      }
    })
  })
