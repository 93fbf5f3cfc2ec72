import { STYLE, stateClass } from '#lib/trace/svg-style.ts'
import { nameOf, TRANSITIONS, type Witnesses } from './state-machine.ts'

/** Half the width and half the height of a state's box. */
const [HALF_WIDTH, HALF_HEIGHT] = [62, 15]
const [WIDTH, HEIGHT] = [800, 700]

/** Where the boxes stand: the middle of each. CLOSED has two, at the beginning and at the end. */
const PLACES: Record<string, [x: number, y: number]> = {
  CLOSED: [400, 90],
  LISTEN: [200, 170],
  'SYN-SENT': [600, 170],
  'SYN-RECEIVED': [200, 270],
  ESTABLISHED: [400, 340],
  'FIN-WAIT-1': [150, 430],
  'CLOSE-WAIT': [650, 430],
  'FIN-WAIT-2': [150, 540],
  CLOSING: [360, 510],
  'LAST-ACK': [650, 540],
  'TIME-WAIT': [360, 620],
  END: [650, 620],
}

/** An arrow: where it runs, and where its words stand. */
interface Arrow {
  /** Points of the line; the first and the last are on the edges of the boxes. */
  points: [x: number, y: number][]
  label: [x: number, y: number, anchor: 'start' | 'middle' | 'end']
  words: string[]
}

const at = (state: string, dx: number, dy: number): [number, number] => {
  const [x, y] = PLACES[state]!
  return [x + dx * HALF_WIDTH, y + dy * HALF_HEIGHT]
}

/** How the steps of RFC 9293, figure 5 are drawn. Resets are told in words: they lead from anywhere. */
const ARROWS: Record<string, Arrow> = {
  'CLOSED → LISTEN': {
    points: [at('CLOSED', -0.5, 1), at('LISTEN', 0.5, -1)],
    label: [268, 118, 'end'],
    words: ['listen()'],
  },
  'LISTEN → CLOSED': {
    points: [at('LISTEN', 1, -0.4), at('CLOSED', -0.1, 1)],
    label: [342, 152, 'start'],
    words: ['close()'],
  },
  'CLOSED → SYN-SENT': {
    points: [at('CLOSED', 0.5, 1), at('SYN-SENT', -0.5, -1)],
    label: [520, 118, 'start'],
    words: ['connect() / SYN'],
  },
  'SYN-SENT → CLOSED': {
    points: [at('SYN-SENT', -1, -0.4), at('CLOSED', 0.1, 1)],
    label: [476, 152, 'end'],
    words: ['RST'],
  },
  'LISTEN → SYN-SENT': {
    points: [at('LISTEN', 1, 0.4), at('SYN-SENT', -1, 0.4)],
    label: [400, 190, 'middle'],
    words: ['send() / SYN'],
  },
  'LISTEN → SYN-RECEIVED': {
    points: [at('LISTEN', -0.3, 1), at('SYN-RECEIVED', -0.3, -1)],
    label: [172, 224, 'end'],
    words: ['SYN / SYN+ACK'],
  },
  'SYN-RECEIVED → LISTEN': {
    points: [at('SYN-RECEIVED', 0.3, -1), at('LISTEN', 0.3, 1)],
    label: [228, 224, 'start'],
    words: ['RST'],
  },
  'SYN-SENT → SYN-RECEIVED': {
    points: [at('SYN-SENT', -0.6, 1), at('SYN-RECEIVED', 1, -0.2)],
    label: [424, 250, 'start'],
    words: ['SYN / SYN+ACK'],
  },
  'SYN-SENT → ESTABLISHED': {
    points: [at('SYN-SENT', 0.1, 1), at('ESTABLISHED', 0.6, -1)],
    label: [545, 272, 'start'],
    words: ['SYN+ACK / ACK'],
  },
  'SYN-RECEIVED → ESTABLISHED': {
    points: [at('SYN-RECEIVED', 0.6, 1), at('ESTABLISHED', -0.6, -1)],
    label: [312, 302, 'start'],
    words: ['ACK'],
  },
  'SYN-RECEIVED → FIN-WAIT-1': {
    points: [at('SYN-RECEIVED', -0.6, 1), at('FIN-WAIT-1', -0.2, -1)],
    label: [142, 350, 'end'],
    words: ['close() / FIN'],
  },
  'ESTABLISHED → FIN-WAIT-1': {
    points: [at('ESTABLISHED', -0.6, 1), at('FIN-WAIT-1', 0.6, -1)],
    label: [262, 372, 'end'],
    words: ['end() / FIN'],
  },
  'ESTABLISHED → CLOSE-WAIT': {
    points: [at('ESTABLISHED', 0.6, 1), at('CLOSE-WAIT', -0.6, -1)],
    label: [540, 372, 'start'],
    words: ['FIN / ACK'],
  },
  'FIN-WAIT-1 → FIN-WAIT-2': {
    points: [at('FIN-WAIT-1', -0.2, 1), at('FIN-WAIT-2', -0.2, -1)],
    label: [128, 490, 'end'],
    words: ['ACK of FIN'],
  },
  'FIN-WAIT-1 → CLOSING': {
    points: [at('FIN-WAIT-1', 0.9, 1), at('CLOSING', -0.4, -1)],
    label: [292, 460, 'start'],
    words: ['FIN / ACK'],
  },
  'FIN-WAIT-1 → TIME-WAIT': {
    points: [at('FIN-WAIT-1', 0.4, 1), at('TIME-WAIT', -0.8, -1)],
    label: [266, 548, 'start'],
    words: ['FIN+ACK / ACK'],
  },
  'FIN-WAIT-2 → TIME-WAIT': {
    points: [at('FIN-WAIT-2', 0.4, 1), at('TIME-WAIT', -1, 0)],
    label: [205, 602, 'end'],
    words: ['FIN / ACK'],
  },
  'CLOSING → TIME-WAIT': {
    points: [at('CLOSING', 0.3, 1), at('TIME-WAIT', 0.3, -1)],
    label: [386, 570, 'start'],
    words: ['ACK of FIN'],
  },
  'CLOSE-WAIT → LAST-ACK': {
    points: [at('CLOSE-WAIT', 0, 1), at('LAST-ACK', 0, -1)],
    label: [658, 490, 'start'],
    words: ['end() / FIN'],
  },
  'LAST-ACK → CLOSED': {
    points: [at('LAST-ACK', 0, 1), at('END', 0, -1)],
    label: [658, 585, 'start'],
    words: ['ACK of FIN'],
  },
  'TIME-WAIT → CLOSED': {
    points: [at('TIME-WAIT', 1, 0), at('END', -1, 0)],
    label: [505, 612, 'middle'],
    words: ['one minute'],
  },
}

/** The state machine as a picture: what was seen in full lines, what was not in dashed ones. */
export function renderStateDiagram(witnesses: Witnesses | undefined): string {
  const seen = (name: string) => (witnesses?.seen[name]?.length ?? 0) > 0
  const arrows = TRANSITIONS.filter(({ kind }) => kind === 'figure').map(transition => {
    const name = nameOf(transition)
    const arrow = ARROWS[name]
    if (!arrow) throw new Error(`state-diagram.ts: ${name} is not drawn`)
    return drawArrow(arrow, name, seen(name))
  })
  const boxes = Object.entries(PLACES).map(([state, place]) =>
    drawBox(state === 'END' ? 'CLOSED' : state, place),
  )
  const where =
    witnesses === undefined ? '' : `seen on Linux ${witnesses.kernel}, ${witnesses.date}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>The states of a TCP connection, and which steps between them were seen</title>
<style>${STYLE}
  .arrow { fill: none; stroke-width: 1.4 }
  .unseen { stroke-dasharray: 4 4 }
</style>
<defs>
<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="server"/></marker>
<marker id="dim" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="muted"/></marker>
</defs>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="6"/>
<text class="ink head" x="16" y="26">RFC 9293, figure 5</text>
<text class="muted small" x="${WIDTH - 16}" y="26" text-anchor="end">${where}</text>
<text class="muted small" x="16" y="46">what makes the step / what is sent · dashed: not seen</text>
${arrows.join('\n')}
${boxes.join('\n')}
<text class="muted small" x="${WIDTH / 2}" y="${HEIGHT - 22}" text-anchor="middle">A RST ends a connection at once, whatever state it is in.</text>
</svg>
`
}

function drawBox(state: string, [x, y]: [number, number]): string {
  const [left, top] = [x - HALF_WIDTH, y - HALF_HEIGHT]
  return `<rect class="s-${stateClass(state)}" x="${left}" y="${top}" width="${2 * HALF_WIDTH}" height="${2 * HALF_HEIGHT}" rx="4"/><text class="flag on" x="${x}" y="${y + 4}" text-anchor="middle">${state}</text>`
}

function drawArrow({ points, label, words }: Arrow, name: string, seen: boolean): string {
  const line = points.map(([x, y]) => `${x} ${y}`).join(' L')
  const [x, y, anchor] = label
  const texts = words.map(
    (word, at) =>
      `<text class="small ${seen ? 'ink' : 'muted'}" x="${x}" y="${y + at * 13}" text-anchor="${anchor}">${word}</text>`,
  )
  const look = seen ? 'from-server' : 'life unseen'
  const tip = seen ? 'tip' : 'dim'
  return `<g><title>${name}</title><path class="arrow ${look}" d="M${line}" marker-end="url(#${tip})"/>${texts.join('')}</g>`
}
