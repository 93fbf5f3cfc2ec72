import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { onLoopback } from '#lib/trace/place.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { renderPcapng } from '#lib/trace/render-pcapng.ts'
import { IPV4, IPV6, ip, LINKS, tcp } from '../kernel/packets.ts'
import { lacks } from '../kernel/tools.ts'
import { ECHO, segment } from './sample-events.ts'

const folder = mkdtempSync(join(tmpdir(), 'kit-pcapng-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const META = {
  example: '02/echo',
  kernel: 'Linux 6.18.44',
  node: 'v20.20.2',
  date: '',
  lanes: {},
  ...onLoopback(true),
}
const START_NS = 1_795_233_684_890_902_081n

/** The event with a frame; a packet of a length that is no multiple of four. */
function framed(event: TraceEvent, path = IPV4) {
  if (event.lane !== 'packet') return event
  const link = LINKS['raw IP']!
  const bytes = link.wrap(
    ip(path, 6, tcp(path, { seq: event.seq ?? 0, payload: Buffer.from('!') })),
  )
  const timeNs = START_NS + BigInt(event.tNs)
  return { ...event, frame: { timeNs, linkType: link.linkType, bytes, bytesOnWire: bytes.length } }
}

/** What tshark shows of each packet. */
function tshark(bytes: Uint8Array, ...fields: string[]): string[][] {
  const file = join(folder, 'run.pcapng')
  writeFileSync(file, bytes)
  const which = fields.flatMap(field => ['-e', field])
  const shape = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|']
  const output = execFileSync('tshark', ['-n', '-r', file, ...shape, ...which], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return output
    .split('\n')
    .slice(0, -1)
    .map(line => line.split('\t'))
}

test.skipIf(lacks.tshark)('renderPcapng writes packets and their times (needs tshark)', () => {
  const events = [segment('client', 1, '[S] seq 7'), segment('server', 2, '[S.] seq 8')]
  const { bytes, packets } = renderPcapng(META, [framed(events[0]!), framed(events[1]!, IPV6)])
  expect(packets).toBe(2)
  expect(
    tshark(bytes, 'frame.time_epoch', 'tcp.seq_raw', 'tcp.payload', 'frame.interface_name'),
  ).toEqual([
    ['1795233684.891902081', '7', '21', 'lo'],
    ['1795233684.892902081', '8', '21', 'lo'],
  ])
})

test.skipIf(lacks.tshark)(
  'renderPcapng puts each event of another lane at the packet behind it (needs tshark)',
  () => {
    const { bytes, packets, comments } = renderPcapng(
      META,
      ECHO.map(event => framed(event)),
    )
    const others = ECHO.filter(({ lane }) => lane !== 'packet')
    expect({ packets, comments }).toEqual({ packets: 10, comments: others.length })
    const shown = tshark(bytes, 'frame.comment').map(([comment = '']) => comment.split('|'))
    expect(shown.flat().filter(comment => comment !== '')).toHaveLength(others.length)
    expect(shown[0]!.at(-1)).toBe('client states, 0.000 ms before: CLOSED → SYN-SENT')
    expect(shown[3]!.at(-1)).toBe('client syscalls, 0.100 ms before: write(19, "hello\\n", 6) = 6')
    expect(shown.at(-1)!.at(-1)).toBe('server states, 97.500 ms after: LISTEN → CLOSED')
  },
)

test.skipIf(lacks.tshark)(
  'renderPcapng says what an event means, in any script (needs tshark)',
  () => {
    const said = { ...segment('client', 0, '[S] seq 1'), lane: 'js' as const, text: 'données 数据' }
    const events = [
      { ...said, means: `x${'数'.repeat(30_000)}` },
      framed(segment('client', 1, '[S] seq 1')),
    ]
    const [[comment = ''] = []] = tshark(renderPcapng(META, events).bytes, 'frame.comment')
    expect(comment).toMatch(/^client js, 1\.000 ms before: données 数据: x数{21000,}$/)
  },
)

test('renderPcapng leaves out packets that were not captured', () => {
  const { packets, comments } = renderPcapng(META, ECHO)
  expect({ packets, comments }).toEqual({ packets: 0, comments: 0 })
})
