/** `npm run trace -- 02/echo`: an example in four lanes, in words, as JSON or as a picture. */

import { accessSync, constants, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { type CatalogueEntry, findEntry, loadChapters } from '#lib/catalogue/index.ts'
import { recordingOf } from '#lib/observe/recording-of.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { didYouMean } from '#lib/program/nearest.ts'
import { complain } from '#lib/program/one-line.ts'
import { plural } from '#lib/program/plural.ts'
import { explainCode } from '#lib/program/system-error.ts'
import { LANE_NAMES, LaneStatuses, parseLanes, shortcomings } from '#lib/trace/lanes.ts'
import type { End, Lane, Recording, TraceEvent } from '#lib/trace/recording.ts'
import { renderLadder } from '#lib/trace/render-ladder.ts'
import { renderMermaid } from '#lib/trace/render-mermaid.ts'
import { renderPcapng } from '#lib/trace/render-pcapng.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { type ViewOptions, viewOf } from '#lib/trace/view.ts'
import { ArgumentError, UsageError } from './arguments.ts'
import { INTERRUPTED, runLive } from './live-run.ts'
import { readersFolder, runCommand } from './run-command.ts'
import { reportCannotRun } from './show-example.ts'
import { HOLD_MS, showTrace, USUAL_LANES } from './show-trace.ts'

const USAGE = `Runs an example and shows what four levels see of it, on one clock: JavaScript events,
system calls, the kernel's TCP states, and packets.

usage: npm run trace -- 02/echo [options]

  --lanes LIST     which levels: js, syscalls, states, packets, and tcp, the sender's
                   variables (default: js,syscalls,states,packets)
  --format FORMAT  text, json, svg, mermaid or pcapng (default: what the name of FILE says, or
                   text); pcapng is for Wireshark: packets, with what the other levels saw as
                   their comments
  --out FILE       write into a file
  --absolute       the kernel's sequence numbers; otherwise text and pictures count from 0, and the
                   SYN says where the numbers really begin
  --relative       count from 0 in json and pcapng too
  --only END       client or server: what happens at that end, and all packets
  --help

npm start -- --list lists the examples. JSON on standard output: npm run -s trace -- …`

const FORMATS = ['text', 'json', 'svg', 'mermaid', 'pcapng'] as const
type Format = (typeof FORMATS)[number]
const ENDINGS: Record<string, Format> = {
  '.txt': 'text',
  '.json': 'json',
  '.svg': 'svg',
  '.mmd': 'mermaid',
  '.mermaid': 'mermaid',
  '.pcapng': 'pcapng',
}

/** These are for programs, which want all of it, with the kernel's numbers. */
const WHOLE: ReadonlySet<Format> = new Set(['json', 'pcapng'])

/** What was asked for on the command line. */
interface Arguments {
  name: string
  lanes: readonly Lane[]
  format: Format
  out: string | undefined
  relative: boolean
  only: End | undefined
}

await runCommand({
  name: 'npm run trace',
  usage: USAGE,
  flags: {
    lanes: { type: 'string' },
    format: { type: 'string' },
    out: { type: 'string' },
    absolute: { type: 'boolean', default: false },
    relative: { type: 'boolean', default: false },
    only: { type: 'string' },
  },
  run: (flags, names) => trace(readArguments(flags, names)),
})

async function trace(given: Arguments): Promise<number> {
  const found = findEntry(await loadChapters(), given.name)
  if ('unknown' in found) {
    const advice = didYouMean(found.nearest, 'npm start -- --list')
    throw new UsageError(`no example ${JSON.stringify(found.unknown)}${advice}`)
  }
  const trouble = given.out === undefined ? cannotPrint(given) : cannotWrite(given.out)
  if (trouble !== undefined) throw new UsageError(trouble)
  if (given.format === 'text' && given.out === undefined) return showTrace(found.entry, given)
  return reportCannotRun(found.entry) ? 0 : writeTrace(found.entry, given)
}

interface Flags {
  lanes?: string | undefined
  format?: string | undefined
  out?: string | undefined
  absolute: boolean
  relative: boolean
  only?: string | undefined
}

/** @throws {ArgumentError} */
function readArguments(flags: Flags, names: readonly string[]): Arguments {
  const { out, only, absolute } = flags
  if (absolute && flags.relative)
    throw new ArgumentError('--absolute or --relative: they exclude each other')
  const [name] = names
  if (name === undefined)
    throw new ArgumentError('which example? For instance npm run trace -- 02/echo')
  if (names.length > 1) throw new ArgumentError(`one example at a time, got ${names.join(' ')}`)
  const lanes = flags.lanes === undefined ? { lanes: USUAL_LANES } : parseLanes(flags.lanes)
  if ('unknown' in lanes) {
    const known = Object.values(LANE_NAMES).join(', ')
    throw new ArgumentError(`--lanes: no lane "${lanes.unknown}"; there are ${known}`)
  }
  const format = formatOf(flags)
  if (only !== undefined && !isOneOf(['client', 'server'] as const, only))
    throw new ArgumentError(`--only: client or server, not "${only}"`)
  if (format === 'pcapng' && !lanes.lanes.includes('packet'))
    throw new ArgumentError(`--lanes: pcapng is made of packets; add ${LANE_NAMES.packet}`)
  const relative = flags.relative || (!absolute && !WHOLE.has(format))
  return { name, lanes: lanes.lanes, format, out, relative, only }
}

/** The format that is asked for: by its name, or by the ending of the file. */
function formatOf({ format, out = '' }: Flags): Format {
  const ending = extname(out)
  if (ending !== '' && format === undefined && !(ending in ENDINGS)) {
    const known = Object.keys(ENDINGS).join(', ')
    throw new ArgumentError(
      `--out: no format is known for "${ending}"; use ${known}, or say --format`,
    )
  }
  const name = format ?? ENDINGS[ending] ?? 'text'
  if (isOneOf(FORMATS, name)) return name
  throw new ArgumentError(`--format: no format "${name}"; there are ${FORMATS.join(', ')}`)
}

function isOneOf<T extends string>(known: readonly T[], name: string): name is T {
  return known.some(candidate => candidate === name)
}

/** Why the format is nothing for a terminal. */
function cannotPrint({ format }: Arguments): string | undefined {
  if (format !== 'pcapng' || !process.stdout.isTTY) return undefined
  return '--format pcapng: a terminal cannot show it; name a file with --out, or a pipe'
}

/** Why a file cannot be written, in one line; found out before the example runs. */
function cannotWrite(file: string): string | undefined {
  const place = resolve(readersFolder(), file)
  try {
    const known = statSync(place, { throwIfNoEntry: false })
    if (known?.isDirectory()) return `--out: ${file} is a folder; name a file in it`
    // With the dot, a file is no folder: Node 26 says of a place in a file only that nothing is there.
    accessSync(known === undefined ? `${dirname(place)}/.` : place, constants.W_OK)
    return undefined
  } catch (error) {
    return `--out: cannot write ${file}: ${explainCode(error)}`
  }
}

/** Runs the example to its end, and writes what was seen of it as a whole. */
async function writeTrace(entry: CatalogueEntry, given: Arguments): Promise<number> {
  const events: TraceEvent[] = []
  const statuses = new LaneStatuses()
  const { result, stopped } = await runLive({
    run: options =>
      traceExample(entry, {
        ...options,
        lanes: given.lanes,
        frames: given.format === 'pcapng',
        onLane: statuses.note,
      }),
    show: ready => events.push(...ready),
    holdMs: HOLD_MS,
  })
  if (stopped) return INTERRUPTED
  if (result.trouble !== undefined) {
    console.error(result.trouble)
    return 1
  }
  for (const line of shortcomings(statuses)) console.error(line)
  const shown = viewOf(events, viewOptions(given))
  const recording = recordingOf(entry.id, statuses, shown)
  const { content, amount } =
    given.format === 'pcapng'
      ? packetsOf(recording.meta, shown)
      : {
          content: rendered(recording, given.format),
          amount: `${recording.events.length} events`,
        }
  if (content === undefined) {
    complain('--format pcapng: no packet was captured, so there is nothing to write')
    return 1
  }
  if (given.out === undefined) process.stdout.write(content)
  else {
    writeFileSync(resolve(readersFolder(), given.out), content)
    console.log(`wrote ${given.out}: ${amount}`)
  }
  return result.client?.code === 0 ? 0 : 1
}

/** A capture file, and how much is in it; without content where there is no packet. */
function packetsOf(
  meta: Recording['meta'],
  events: readonly TraceEvent[],
): { content: Uint8Array | undefined; amount: string } {
  const { bytes, packets, comments } = renderPcapng(meta, events)
  const amount = `${plural(packets, 'packet')}, ${plural(comments, 'comment')}`
  return { content: packets > 0 ? bytes : undefined, amount }
}

function viewOptions({ relative, only, format }: Arguments): ViewOptions {
  return { relative, only, condensed: !WHOLE.has(format) }
}

function rendered(recording: Recording, format: Exclude<Format, 'pcapng'>): string {
  switch (format) {
    case 'text':
      return renderLadder(recording, { columns: 100, color: false })
    case 'json':
      return `${JSON.stringify(recording, null, 2)}\n`
    case 'svg':
      return renderSvg(recording)
    case 'mermaid':
      return renderMermaid(recording)
  }
}
