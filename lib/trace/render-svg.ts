import { printable } from './describe.ts'
import type { Recording } from './recording.ts'
import { wrapped } from './render-text.ts'

const CHARACTER = 7.8
const LINE = 19
const COLUMN = 46
const LEFT = 16
const TIME = LEFT + 7 * CHARACTER
const X = { server: TIME + 2 * CHARACTER, client: TIME + (2 + COLUMN + 2) * CHARACTER }
const WIDTH = Math.ceil(X.client + COLUMN * CHARACTER)
const TOP = 36

const STYLE = `
  .page { fill: #fbfbfa; stroke: #d4d4d0 }
  .bar { fill: #efefec }
  text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
  .title, .time { fill: #6b6b66 }
  .time { text-anchor: end }
  .server { fill: #05668d }
  .client { fill: #9b2472 }
  .print { fill: #2b2b28 }
  .head { font-weight: bold }
  @media (prefers-color-scheme: dark) {
    .page { fill: #16181c; stroke: #34373d }
    .bar { fill: #22252b }
    .title, .time { fill: #9a9ea6 }
    .server { fill: #58c4e8 }
    .client { fill: #f08cc8 }
    .print { fill: #e6e6e3 }
  }
`

/** Draws a recording as a picture of a terminal, from the recording alone. */
export function renderSvg({ meta, events }: Recording): string {
  const startNs = events[0]?.tNs ?? 0
  const parts: string[] = []
  let y = TOP + LINE
  const text = (x: number, css: string, content: string) =>
    parts.push(`<text x="${round(x)}" y="${y}" class="${css}">${escapeXml(content)}</text>`)

  text(TIME, 'time', 'ms')
  text(X.server, 'server head', 'server')
  text(X.client, 'client head', 'client')
  for (const event of events) {
    y += LINE
    text(TIME, 'time', ((event.tNs - startNs) / 1e6).toFixed(1))
    const isPrint = event.lane === 'js' && event.event === 'print'
    const shown = `${isPrint ? '› ' : ''}${printable(event.text)}`
    for (const [index, line] of wrapped(shown, COLUMN).entries()) {
      if (index > 0) y += LINE
      text(X[event.end], isPrint ? 'print' : event.end, line)
    }
  }
  const height = y + LINE
  const title = `npm start ${meta.example}`
  const recorded = `recorded on ${meta.kernel}, Node ${meta.node}, ${meta.date}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
<title>${escapeXml(`Timeline of ${meta.example}, ${recorded}`)}</title>
<style>${STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
<path class="bar" d="M1 28V9a8 8 0 0 1 8-8h${WIDTH - 18}a8 8 0 0 1 8 8v19z"/>
<text x="${LEFT}" y="19" class="title">${escapeXml(title)}</text>
<text x="${WIDTH - LEFT}" y="19" class="title" style="text-anchor:end">${escapeXml(recorded)}</text>
${parts.join('\n')}
</svg>
`
}

const round = (x: number): number => Math.round(x * 10) / 10

function escapeXml(text: string): string {
  return printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
