import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { slug } from 'github-slugger'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  entriesOf,
  ROOT,
} from '#lib/catalogue/index.ts'
import { tracePassageOf } from './passage.ts'
import { readRecording, recordedEntries, recordingPath } from './recordings.ts'

/** A step of the state machine of RFC 9293, figure 5, or one that Linux takes besides. */
export interface Transition {
  from: string
  to: string
  /** What makes the step: a call of the program, or a segment that comes in. */
  cause: string
  /** What the kernel sends. */
  sends: string
  /** `figure`: it is drawn in RFC 9293. `reset`: the text of the RFC has it, for nearly all states. */
  kind: 'figure' | 'reset'
  /** Why nobody will see it on Linux, where that is known. */
  never?: string
}

const step = (
  from: string,
  to: string,
  cause: string,
  sends = 'nothing',
  more: Partial<Transition> = {},
): Transition => ({ from, to, cause, sends, kind: 'figure', ...more })

const reset = { kind: 'reset' } as const

/** The state machine of TCP (RFC 9293 §3.3.2), in the order of a connection's life. */
export const TRANSITIONS: readonly Transition[] = [
  step('CLOSED', 'LISTEN', 'listen()'),
  step('CLOSED', 'SYN-SENT', 'connect()', 'SYN'),
  step('LISTEN', 'SYN-RECEIVED', 'SYN', 'SYN+ACK'),
  step('LISTEN', 'SYN-SENT', 'send()', 'SYN', {
    never: 'a socket that listens cannot connect: connect() fails, send() too',
  }),
  step('LISTEN', 'CLOSED', 'close()'),
  step('SYN-SENT', 'SYN-RECEIVED', 'SYN without ACK: both ask at once', 'SYN+ACK'),
  step('SYN-SENT', 'ESTABLISHED', 'SYN+ACK', 'ACK'),
  step('SYN-SENT', 'CLOSED', 'RST, close(), or no answer'),
  step('SYN-RECEIVED', 'ESTABLISHED', 'ACK'),
  step('SYN-RECEIVED', 'FIN-WAIT-1', 'close(), with TCP Fast Open', 'FIN'),
  step('SYN-RECEIVED', 'LISTEN', 'RST', 'nothing', {
    never: 'the socket that listens has never left LISTEN; the request of the SYN is forgotten',
  }),
  step('ESTABLISHED', 'FIN-WAIT-1', 'end(), close()', 'FIN'),
  step('ESTABLISHED', 'CLOSE-WAIT', 'FIN', 'ACK'),
  step('FIN-WAIT-1', 'FIN-WAIT-2', 'ACK of our FIN'),
  step('FIN-WAIT-1', 'CLOSING', 'FIN', 'ACK'),
  step('FIN-WAIT-1', 'TIME-WAIT', 'FIN, with the ACK of ours', 'ACK', {
    never: 'Linux takes the ACK first: it passes through FIN-WAIT-2, with one and the same segment',
  }),
  step('FIN-WAIT-2', 'TIME-WAIT', 'FIN', 'ACK'),
  step('CLOSING', 'TIME-WAIT', 'ACK of our FIN'),
  step('CLOSE-WAIT', 'LAST-ACK', 'end(), close()', 'FIN'),
  step('LAST-ACK', 'CLOSED', 'ACK of our FIN, RST, or no answer (tcp_orphan_retries)'),
  step(
    'TIME-WAIT',
    'CLOSED',
    'a minute has passed, RST while tcp_rfc1337 is 0, or a new SYN for the same ports',
  ),
  step('SYN-RECEIVED', 'CLOSED', 'RST', 'nothing', {
    kind: 'reset',
    never:
      'without TCP Fast Open, a server has no socket until the handshake is over, only a note in the one that listens; with it, no experiment resets one',
  }),
  step(
    'ESTABLISHED',
    'CLOSED',
    'RST, resetAndDestroy(), close() with unread input, or no answer',
    'RST, where it was ours',
    reset,
  ),
  step('FIN-WAIT-1', 'CLOSED', 'RST, or no answer (tcp_orphan_retries)', 'nothing', reset),
  step(
    'FIN-WAIT-2',
    'CLOSED',
    'RST, or no FIN within tcp_fin_timeout once the program has closed',
    'nothing',
    reset,
  ),
  step('CLOSING', 'CLOSED', 'RST, or no answer (tcp_orphan_retries)', 'nothing', {
    ...reset,
    never: 'no example loses the segments of a simultaneous close',
  }),
  step('CLOSE-WAIT', 'CLOSED', 'RST, or close() with unread input', 'RST, for the latter', reset),
]

export const nameOf = ({ from, to }: { from: string; to: string }): string => `${from} → ${to}`

/** Which examples (`02/echo`) and claims (`6.16`) took each step, and on which machine. */
export interface Witnesses {
  kernel: string
  node: string
  date: string
  seen: Record<string, string[]>
}

const FILE = 'docs/tcp-state-machine.json'
/** Where the picture of the page stands. */
export const DIAGRAM = 'docs/tcp-state-machine.svg'

/** What `npm run states` has written; undefined where it never ran. */
export function readWitnesses(): Witnesses | undefined {
  const file = join(ROOT, FILE)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

export function witnessesText(witnesses: Witnesses): { name: string; text: string } {
  return { name: FILE, text: `${JSON.stringify(witnesses, null, 2)}\n` }
}

/** From here on, a connection ends. */
const CLOSING_FROM: ReadonlySet<string> = new Set([
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSING',
  'TIME-WAIT',
  'CLOSE-WAIT',
  'LAST-ACK',
])

/**
 * The table of all steps, each with a link to where it was seen; `closing`: only of those that end a
 * connection. `document`: the page that shows it.
 */
export function transitionTable(
  chapters: readonly CatalogueChapter[],
  document: string,
  part?: string,
): string {
  if (part !== undefined && part !== 'closing') {
    throw new Error(`no part "${part}" of the transitions: correct the comment`)
  }
  const witnesses = readWitnesses()
  const target = targetsOf(chapters, document)
  const shown = TRANSITIONS.filter(({ from }) => part === undefined || CLOSING_FROM.has(from))
  const recorded = stepsOfRecordings(chapters, document)
  const rows = shown.map(transition => {
    const name = nameOf(transition)
    // A page that shows the recording shows the step itself.
    const seen = recorded.get(name) ?? witnesses?.seen[name] ?? []
    const links = seen.map(one => `[${one}](${target(one)})`).join(', ')
    const where = links || `**not seen**${transition.never ? `: ${transition.never}` : ''}`
    const { from, to, cause, sends } = transition
    return `| ${from} | ${to} | ${cause} | ${sends} | ${where} |`
  })
  const head = '| from | to | because of | and sends | seen in |\n| --- | --- | --- | --- | --- |'
  return `\n${head}\n${rows.join('\n')}\n\n`
}

/** So many links are enough for a step. */
const ENOUGH = 3

/** Which recorded examples take a step: those of the page's own chapter first. */
function stepsOfRecordings(
  chapters: readonly CatalogueChapter[],
  document: string,
): ReadonlyMap<string, string[]> {
  const isOwn = ({ chapter }: CatalogueEntry) => document.startsWith(`chapters/${chapter.folder}/`)
  const entries = recordedEntries(chapters)
  const steps = new Map<string, string[]>()
  for (const entry of [...entries.filter(isOwn), ...entries.filter(one => !isOwn(one))]) {
    const events = readRecording(recordingPath(entry))?.events ?? []
    for (const name of new Set(events.filter(event => event.lane === 'state').map(nameOf))) {
      const ids = steps.get(name) ?? []
      if (ids.length < ENOUGH) steps.set(name, [...ids, entry.id])
    }
  }
  return steps
}

/** Where a page finds what a witness has seen: the passage of an example, the claim of an experiment. */
function targetsOf(
  chapters: readonly CatalogueChapter[],
  document: string,
): (witness: string) => string {
  const claims = readFileSync(join(ROOT, CLAIMS), 'utf8')
  const headings = [...claims.matchAll(/^### (.+)$/gm)].map(([, heading = '']) => heading)
  const from = (file: string) =>
    file === document ? '' : relative(dirname(document), file).replaceAll('\\', '/')
  return witness => {
    const entry = entriesOf(chapters).find(({ id }) => id === witness)
    if (entry) {
      const passage = tracePassageOf(entry)
      if (!passage) throw new Error(`no page shows a run of ${witness}: add one to its chapter`)
      return `${from(passage.file)}#${slug(passage.heading)}`
    }
    // An experiment: the heading of its claim has stars and a verdict.
    const heading = headings.find(each => /^[\d.]+/.exec(each)?.[0] === witness)
    return `${from(CLAIMS)}${heading === undefined ? '' : `#${slug(heading)}`}`
  }
}

const CLAIMS = 'docs/textbook-vs-kernel.md'
