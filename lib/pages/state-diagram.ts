import { stateClass } from '#lib/trace/svg-style.ts'
import { MARGIN, Picture, type TextOptions, WIDTH } from './picture.ts'
import { nameOf, TRANSITIONS, type Witnesses } from './state-machine.ts'

/** Half the width and half the height of a state's box. */
const [HALF_WIDTH, HALF_HEIGHT] = [50, 14]
const HEIGHT = 684
const [LEFT, MIDDLE, RIGHT] = [82, 220, 358]

/** Where the boxes stand: the middle of each. CLOSED has two, at the beginning and at the end. */
const PLACES: Record<string, [x: number, y: number]> = {
  CLOSED: [MIDDLE, 84],
  LISTEN: [LEFT, 150],
  'SYN-SENT': [RIGHT, 150],
  'SYN-RECEIVED': [LEFT, 250],
  ESTABLISHED: [MIDDLE, 330],
  'FIN-WAIT-1': [LEFT, 420],
  'CLOSE-WAIT': [RIGHT, 420],
  'FIN-WAIT-2': [LEFT, 530],
  CLOSING: [MIDDLE, 500],
  'LAST-ACK': [RIGHT, 530],
  'TIME-WAIT': [MIDDLE, 610],
  END: [RIGHT, 610],
}

/** An arrow: where it runs, and where its words stand. */
interface Arrow {
  /** Both are on the edges of boxes. */
  points: [from: [x: number, y: number], to: [x: number, y: number]]
  label: [x: number, y: number, anchor: NonNullable<TextOptions['anchor']>]
  words: string
}

const at = (state: string, dx: number, dy: number): [number, number] => {
  const [x, y] = PLACES[state]!
  return [x + dx * HALF_WIDTH, y + dy * HALF_HEIGHT]
}

/** How the steps of RFC 9293, figure 5 are drawn. Resets are told in words: they lead from anywhere. */
const ARROWS: Record<string, Arrow> = {
  'CLOSED → LISTEN': {
    points: [at('CLOSED', -0.6, 1), at('LISTEN', 0.4, -1)],
    label: [148, 112, 'end'],
    words: 'listen()',
  },
  'LISTEN → CLOSED': {
    points: [at('LISTEN', 1, -0.3), at('CLOSED', -0.1, 1)],
    label: [182, 132, 'start'],
    words: 'close()',
  },
  'CLOSED → SYN-SENT': {
    points: [at('CLOSED', 0.6, 1), at('SYN-SENT', -0.4, -1)],
    label: [300, 112, 'start'],
    words: 'connect() / SYN',
  },
  'SYN-SENT → CLOSED': {
    points: [at('SYN-SENT', -1, -0.3), at('CLOSED', 0.1, 1)],
    label: [262, 132, 'end'],
    words: 'RST',
  },
  'LISTEN → SYN-SENT': {
    points: [at('LISTEN', 1, 0.6), at('SYN-SENT', -1, 0.6)],
    label: [220, 174, 'middle'],
    words: 'send() / SYN',
  },
  'LISTEN → SYN-RECEIVED': {
    points: [at('LISTEN', 0.5, 1), at('SYN-RECEIVED', 0.5, -1)],
    label: [114, 204, 'start'],
    words: 'SYN / SYN+ACK',
  },
  'SYN-RECEIVED → LISTEN': {
    points: [at('SYN-RECEIVED', -0.5, -1), at('LISTEN', -0.5, 1)],
    label: [51, 204, 'end'],
    words: 'RST',
  },
  'SYN-SENT → SYN-RECEIVED': {
    points: [at('SYN-SENT', -0.6, 1), at('SYN-RECEIVED', 1, -0.2)],
    label: [215, 236, 'start'],
    words: 'SYN / SYN+ACK',
  },
  'SYN-SENT → ESTABLISHED': {
    points: [at('SYN-SENT', 0.1, 1), at('ESTABLISHED', 0.7, -1)],
    label: [302, 270, 'start'],
    words: 'SYN+ACK / ACK',
  },
  'SYN-RECEIVED → ESTABLISHED': {
    points: [at('SYN-RECEIVED', 0.6, 1), at('ESTABLISHED', -0.6, -1)],
    label: [160, 284, 'start'],
    words: 'ACK',
  },
  'SYN-RECEIVED → FIN-WAIT-1': {
    points: [at('SYN-RECEIVED', -0.6, 1), at('FIN-WAIT-1', -0.6, -1)],
    label: [58, 330, 'start'],
    words: 'close() / FIN',
  },
  'ESTABLISHED → FIN-WAIT-1': {
    points: [at('ESTABLISHED', -0.6, 1), at('FIN-WAIT-1', 0.6, -1)],
    label: [146, 372, 'end'],
    words: 'end() / FIN',
  },
  'ESTABLISHED → CLOSE-WAIT': {
    points: [at('ESTABLISHED', 0.6, 1), at('CLOSE-WAIT', -0.6, -1)],
    label: [298, 372, 'start'],
    words: 'FIN / ACK',
  },
  'FIN-WAIT-1 → FIN-WAIT-2': {
    points: [at('FIN-WAIT-1', -0.5, 1), at('FIN-WAIT-2', -0.5, -1)],
    label: [64, 502, 'start'],
    words: 'ACK of FIN',
  },
  'FIN-WAIT-1 → CLOSING': {
    points: [at('FIN-WAIT-1', 0.9, 1), at('CLOSING', -0.5, -1)],
    label: [172, 456, 'start'],
    words: 'FIN / ACK',
  },
  'FIN-WAIT-1 → TIME-WAIT': {
    points: [at('FIN-WAIT-1', 0.4, 1), at('TIME-WAIT', -0.8, -1)],
    label: [168, 552, 'start'],
    words: 'FIN+ACK / ACK',
  },
  'FIN-WAIT-2 → TIME-WAIT': {
    points: [at('FIN-WAIT-2', 0.4, 1), at('TIME-WAIT', -1, 0)],
    label: [118, 590, 'end'],
    words: 'FIN / ACK',
  },
  'CLOSING → TIME-WAIT': {
    points: [at('CLOSING', 0.85, 1), at('TIME-WAIT', 0.85, -1)],
    label: [269, 568, 'start'],
    words: 'ACK of FIN',
  },
  'CLOSE-WAIT → LAST-ACK': {
    points: [at('CLOSE-WAIT', 0, 1), at('LAST-ACK', 0, -1)],
    label: [351, 476, 'end'],
    words: 'end() / FIN',
  },
  'LAST-ACK → CLOSED': {
    points: [at('LAST-ACK', 0, 1), at('END', 0, -1)],
    label: [364, 574, 'start'],
    words: 'ACK of FIN',
  },
  'TIME-WAIT → CLOSED': {
    points: [at('TIME-WAIT', 1, 0), at('END', -1, 0)],
    label: [289, 642, 'middle'],
    words: 'one minute',
  },
}

/** The state machine as a picture: what was seen in full lines, what was not in dashed ones. */
export function renderStateDiagram(witnesses: Witnesses | undefined): string {
  const picture = new Picture(
    'The states of a TCP connection, and which steps between them were seen',
    'From CLOSED by LISTEN and SYN-RECEIVED, or by SYN-SENT, to ESTABLISHED. The end that closes first goes ' +
      'through FIN-WAIT-1, FIN-WAIT-2 and TIME-WAIT, its peer through CLOSE-WAIT and LAST-ACK.',
  )
  picture.text('ink head small', MARGIN, 26, 'RFC 9293, figure 5')
  if (witnesses) {
    const where = `seen on Linux ${witnesses.kernel.split('-')[0]}, ${witnesses.date}`
    picture.text('muted tiny', WIDTH - MARGIN, 26, where, { anchor: 'end' })
  }
  picture.text('muted tiny', MARGIN, 46, 'what makes the step / what is sent · dashed: not seen')
  for (const transition of TRANSITIONS.filter(({ kind }) => kind === 'figure')) {
    const name = nameOf(transition)
    const arrow = ARROWS[name]
    if (!arrow) throw new Error(`state-diagram.ts: ${name} is not drawn`)
    drawArrow(picture, arrow, (witnesses?.seen[name]?.length ?? 0) > 0)
  }
  for (const [state, place] of Object.entries(PLACES)) {
    drawBox(picture, state === 'END' ? 'CLOSED' : state, place)
  }
  const reset = 'A RST ends a connection at once, whatever state it is in.'
  picture.text('muted tiny', WIDTH / 2, HEIGHT - 18, reset, { anchor: 'middle' })
  return picture.render(HEIGHT)
}

function drawBox(picture: Picture, state: string, [x, y]: [number, number]): void {
  const [left, top] = [x - HALF_WIDTH, y - HALF_HEIGHT]
  picture.rect(`s-${stateClass(state)}`, left, top, 2 * HALF_WIDTH, 2 * HALF_HEIGHT, 4)
  picture.text('on head tiny', x, y + 4, state, { anchor: 'middle', room: 2 * HALF_WIDTH - 8 })
}

function drawArrow(picture: Picture, { points, label, words }: Arrow, seen: boolean): void {
  const [from, to] = points.map(([x, y]) => `${x} ${y}`)
  const look = seen ? 'arrow from-server' : 'arrow life dashed'
  picture.path(look, `M${from}L${to}`, seen ? 'server' : 'muted')
  const [x, y, anchor] = label
  picture.text(`tiny ${seen ? 'ink' : 'muted'}`, x, y, words, { anchor })
}
