/** Colours of one scheme. Contrast of text on its ground is at least 4.5 : 1. */
interface Scheme {
  page: string
  frame: string
  head: string
  ink: string
  muted: string
  server: string
  client: string
  alarm: string
  /** Text on a state's colour. */
  on: string
  states: Record<string, string>
}

const LIGHT: Scheme = {
  page: '#ffffff',
  frame: '#d1d9e0',
  head: '#f6f8fa',
  ink: '#1f2328',
  muted: '#59636e',
  server: '#05668d',
  client: '#9b2472',
  alarm: '#cf222e',
  on: '#ffffff',
  states: {
    listen: '#6e7781',
    asking: '#9a6700',
    established: '#1a7f37',
    closing: '#0969da',
    waiting: '#bc4c00',
    last: '#8250df',
    over: '#57606a',
  },
}

const DARK: Scheme = {
  page: '#0d1117',
  frame: '#3d444d',
  head: '#151b23',
  ink: '#e6edf3',
  muted: '#9198a1',
  server: '#58c4e8',
  client: '#f08cc8',
  alarm: '#ff7b72',
  on: '#0d1117',
  states: {
    listen: '#9198a1',
    asking: '#d9a521',
    established: '#3fb950',
    closing: '#58a6ff',
    waiting: '#f0883e',
    last: '#bc8cff',
    over: '#8b949e',
  },
}

/** Which colour a state has: states that mean the same to a reader share one. */
const FAMILIES: Record<string, string> = {
  LISTEN: 'listen',
  'SYN-SENT': 'asking',
  'SYN-RECEIVED': 'asking',
  ESTABLISHED: 'established',
  'FIN-WAIT-1': 'closing',
  'FIN-WAIT-2': 'closing',
  CLOSING: 'closing',
  'TIME-WAIT': 'over',
  'CLOSE-WAIT': 'waiting',
  'LAST-ACK': 'last',
}

/** The class of a state's bar and flag. */
export const stateClass = (state: string): string => FAMILIES[state] ?? 'over'

const rules = (scheme: Scheme): string =>
  `
  .page { fill: ${scheme.page}; stroke: ${scheme.frame} }
  .bar { fill: ${scheme.head} }
  .rule { stroke: ${scheme.frame} }
  .ground { fill: ${scheme.page} }
  .ink { fill: ${scheme.ink} }
  .muted { fill: ${scheme.muted} }
  .life { stroke: ${scheme.muted} }
  .server { fill: ${scheme.server} }
  .client { fill: ${scheme.client} }
  .from-server { stroke: ${scheme.server} }
  .from-client { stroke: ${scheme.client} }
  .alarm { fill: ${scheme.alarm} }
  .from-alarm { stroke: ${scheme.alarm} }
  .on { fill: ${scheme.on} }
${Object.entries(scheme.states)
  .map(([name, color]) => `  .s-${name} { fill: ${color} }`)
  .join('\n')}`

/** The style sheet of a picture that follows the reader's colour scheme. */
export const STYLE = `
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
  .label { font-size: 11.5px }
  .small, .time { font-size: 11px }
  .flag { font-size: 10.5px; font-weight: 600 }
  .head { font-weight: 600 }
  .life { stroke-dasharray: 1 4; opacity: .7 }
  .wire { stroke-width: 1.3; fill: none }
  .more { stroke-dasharray: 4 3 }${rules(LIGHT)}
  @media (prefers-color-scheme: dark) {${rules(DARK).replaceAll('\n', '\n  ')}
  }
`
