/** The document `docs/http1-conformance.md`: our verdict, Node's verdicts and the clause. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type CorpusEntry, requestCorpus, responseCorpus } from './http1-corpus.ts'
import type { Verdict } from './http1-corpus-run.ts'

export type Side = 'request' | 'response'

/** What one version of Node made of the corpus: a verdict in words for each case. */
export interface Recording {
  version: string
  verdicts: { [key: string]: string }
}

export type Recordings = { [major: string]: Recording }

const recordingsFile = new URL('http1-corpus-node.json', import.meta.url)
export const documentFile = new URL('../../docs/http1-conformance.md', import.meta.url)

export const cases: readonly (readonly [key: string, side: Side, entry: CorpusEntry])[] = [
  ...requestCorpus.map(entry => [keyOf('request', entry), 'request', entry] as const),
  ...responseCorpus.map(entry => [keyOf('response', entry), 'response', entry] as const),
]

function keyOf(side: Side, { name, clause }: CorpusEntry): string {
  return `${side} RFC ${clause.replace('§', 'section ')}: ${name}`
}

export function recordings(): Recordings {
  return JSON.parse(readFileSync(recordingsFile, 'utf8')) as Recordings
}

export function record(major: string, recording: Recording): void {
  const all = { ...recordings(), [major]: recording }
  writeFileSync(recordingsFile, `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(documentFile, conformanceDocument(all))
}

/** `takes`, `refuses (code)` or both; with the messages where they are not ours. */
export function inWords(verdict: Verdict, entry: CorpusEntry): string {
  const { frames, error } = verdict
  const refusal = error === null ? '' : `refuses (${error})`
  const count = frames.length > 1 ? ` ${frames.length} messages` : ''
  const same = frames.every((frame, i) => entry.frames[i] === frame)
  const taken = `takes${count}${same || entry.frames.length === 0 ? '' : `: ${frames.join(', ')}`}`
  if (frames.length === 0) return refusal || 'takes nothing'
  return error === null ? taken : `${taken}, then ${refusal}`
}

function code(text: string): string {
  const escaped = JSON.stringify(text)
    .slice(1, -1)
    .replace(/\\u00([0-9a-f]{2})/g, '\\x$1')
    .replace(/[\x7f-\xff]/g, c => `\\x${c.charCodeAt(0).toString(16)}`)
    .replace(/\\"/g, '"')
    .replaceAll('|', '\\|')
    .replace(/^ | $/g, '\\x20')
  const short = escaped.length > 160 ? `${escaped.slice(0, 160)}…` : escaped
  return short.includes('`') ? `\`\` ${short} \`\`` : `\`${short}\``
}

function clauseLink(clause: string): string {
  const [rfc, section] = clause.split(' §')
  return `[${clause}](https://www.rfc-editor.org/rfc/rfc${rfc}#section-${section})`
}

/** The verdicts of all versions, in one cell: `takes`, or `20, 22: takes; 24, 26: refuses`. */
function nodeCell(key: string, all: Recordings): string {
  const byVerdict = new Map<string, string[]>()
  for (const [major, { verdicts }] of Object.entries(all)) {
    const verdict = verdicts[key] ?? 'not run'
    byVerdict.set(verdict, [...(byVerdict.get(verdict) ?? []), major])
  }
  const cells = Array.from(byVerdict, ([verdict, majors]) =>
    byVerdict.size === 1 ? verdict : `${majors.join(', ')}: ${verdict}`,
  )
  return cells
    .join('; ')
    .replace(/[\r\n\0]/g, '·')
    .replaceAll('|', '\\|')
}

function row(key: string, entry: CorpusEntry, all: Recordings): string {
  const ours = inWords(entry, entry).replace(/ERR_FRAME_/g, '')
  const remark = entry.why ?? entry.beyond ?? entry.note ?? '–'
  const cells = [
    entry.name.replace(/^\w+ /, ''),
    code(entry.bytes),
    ours,
    nodeCell(key, all),
    clauseLink(entry.clause),
  ]
  return `| ${[...cells, remark].join(' | ')} |`
}

function table(rows: string[]): string {
  return [
    '| case | bytes | this kit | Node | clause | why |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n')
}

export function conformanceDocument(all: Recordings): string {
  const rows = (chosen: (side: Side, entry: CorpusEntry) => boolean) =>
    cases
      .filter(([, side, entry]) => chosen(side, entry))
      .map(([key, , entry]) => row(key, entry, all))
  const agreed = (of: Side) =>
    rows((side, { why, beyond }) => side === of && why === undefined && beyond === undefined)
  const versions = Object.values(all).map(({ version }) => version.slice(1))
  return `# HTTP/1.1 conformance

What \`lib/framing/http1.ts\` and Node's own parser make of the same ${cases.length} streams of bytes. The kit
reads each stream whole, cut at every place, and byte by byte. Node reads it from a socket, with its default
settings: requests with \`http.createServer()\`, responses with \`http.request()\`.

This page is generated from \`test/framing/http1-corpus.ts\` and from the verdicts of Node
${versions.join(', ')}.
Run \`HTTP1_CONFORMANCE=write npx vitest run test/framing/http1-conformance.test.ts\` with a version of Node to
record its verdicts and write the page again. The test fails when the page is stale, when a verdict differs without
a reason, and when the kit takes what Node refuses though no RFC demands it.

## Where the kit refuses what Node takes

The kit is the stricter one in every row but one: there Node hands over the socket instead of the body.

${table(rows((_, { why }) => why !== undefined))}

## Where the kit takes what Node refuses

RFC 9112 or RFC 9110 demands each of these of a recipient. In some rows only one version of Node refuses.

${table(rows((_, { beyond }) => beyond !== undefined))}

## Requests on which both agree

${table(agreed('request'))}

## Responses on which both agree

${table(agreed('response'))}
`
}
