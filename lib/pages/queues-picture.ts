import { numbersShown } from './page-numbers.ts'
import { MARGIN, Picture, WIDTH } from './picture.ts'

/** What `01/backlog` saw while its server did not accept. */
interface FullQueue {
  backlog: number
  established: number
  synSent: number
}

/** What the page of chapter 01 shows of the run. */
export function readFullQueue(): FullQueue {
  const page = 'chapters/01-socket/README.md'
  const [backlog] = numbersShown(
    page,
    /^connected \d+ at the same time, through a backlog of (\d+)$/m,
  )
  const [established, synSent] = numbersShown(
    page,
    /^connecting \d+ more: (\d+) ESTABLISHED, (\d+) in SYN-SENT without an answer$/m,
  )
  return { backlog: backlog!, established: established!, synSent: synSent! }
}

const WIDE = WIDTH - 2 * MARGIN
const KERNEL = { top: 136, height: 318 }
const SYN_QUEUE = { top: KERNEL.top + 58, height: 92 }
const ACCEPT_QUEUE = { top: SYN_QUEUE.top + SYN_QUEUE.height + 54, height: 92 }

/** Draws the two queues of a listening socket at the moment when the second one is full. */
export function renderQueues(seen: FullQueue): string {
  const { backlog, established, synSent } = seen
  const picture = new Picture(
    'The SYN queue and the accept queue of a listening socket',
    `${established} clients have a place in the accept queue, which is full. The SYN of ${synSent} others is ` +
      'ignored, so they stay in SYN-SENT. The process takes connections from the queue with accept().',
  )
  picture.rect('bar rule', MARGIN, KERNEL.top, WIDE, KERNEL.height, 6)
  drawClients(picture, seen)
  const listening = `listening socket, backlog ${backlog}`
  picture.text('ink head small', LANE + 14, KERNEL.top + 22, `kernel: ${listening}`)
  drawQueue(picture, SYN_QUEUE, 'SYN queue', [], 3, ['SYN came, SYN+ACK sent: the ACK is missing'])
  drawQueue(picture, ACCEPT_QUEUE, 'accept queue', numbers(1, established), backlog + 1, [
    'connected; the process has not accepted yet',
  ])
  const between = SYN_QUEUE.top + SYN_QUEUE.height
  picture.path('arrow from-client', `M${LANE} ${between}v52`, 'client')
  picture.text('ink small', LANE + 14, between + 22, 'ACK: the handshake is complete,')
  picture.text('ink small', LANE + 14, between + 39, 'and a new socket is made')
  const end = KERNEL.top + KERNEL.height
  picture.path(
    'arrow from-server',
    `M${LANE} ${ACCEPT_QUEUE.top + ACCEPT_QUEUE.height}V${end + 40}`,
    'server',
  )
  picture.text('ink small', LANE + 14, end + 24, 'accept(), the oldest first')
  picture.rect('ground rule', MARGIN, end + 42, WIDE, 50, 6)
  picture.text('ink head small', MARGIN + 12, end + 62, 'process: the server')
  picture.text('muted small', MARGIN + 12, end + 81, 'in this run it is busy, and does not accept')
  return picture.render(end + 92 + MARGIN)
}

/** Where the way of a connection runs that gets through. */
const LANE = MARGIN + 36
const CLIENT = { top: 40, height: 44, gap: 4 }

function drawClients(picture: Picture, { established, synSent }: FullQueue): void {
  const count = established + synSent
  const width = (WIDE - (count - 1) * CLIENT.gap) / count
  picture.text('ink head small', MARGIN, 28, `${count} clients call connect()`)
  for (const number of numbers(1, count)) {
    const x = MARGIN + (number - 1) * (width + CLIENT.gap)
    const isIn = number <= established
    const middle = x + width / 2
    picture.rect(isIn ? 's-established' : 's-asking', x, CLIENT.top, width, CLIENT.height)
    const centred = { anchor: 'middle', room: width } as const
    picture.text('on head', middle, CLIENT.top + 18, `#${number}`, centred)
    picture.text('on tiny', middle, CLIENT.top + 35, isIn ? 'ESTABLISHED' : 'SYN-SENT', centred)
    const from = CLIENT.top + CLIENT.height
    if (!isIn) {
      picture.path('arrow dashed from-alarm', `M${middle} ${from}V${KERNEL.top - 4}`, 'alarm')
    }
  }
  const below = CLIENT.top + CLIENT.height
  picture.path('arrow from-client', `M${LANE} ${below}V${SYN_QUEUE.top - 2}`, 'client')
  picture.text('ink small', LANE + 14, below + 30, 'SYN')
  const why = 'SYN, ignored: the accept queue is full'
  picture.text('alarm small', WIDTH - MARGIN - 12, KERNEL.top + 44, why, { anchor: 'end' })
}

function drawQueue(
  picture: Picture,
  { top, height }: { top: number; height: number },
  name: string,
  inside: readonly number[],
  places: number,
  [what = '']: string[],
): void {
  picture.rect('ground rule', MARGIN + 12, top, WIDE - 24, height, 4)
  picture.text('ink head small', MARGIN + 24, top + 20, name)
  const state = inside.length === 0 ? 'empty now' : `full: backlog + 1 = ${places} places`
  picture.text('muted small', WIDTH - MARGIN - 24, top + 20, state, { anchor: 'end' })
  for (const at of numbers(0, places - 1)) {
    const x = MARGIN + 24 + at * 84
    const number = inside[at]
    if (number === undefined) picture.rect('thin life', x, top + 30, 76, 28)
    else {
      picture.rect('s-established', x, top + 30, 76, 28)
      picture.text('on head', x + 38, top + 49, `#${number}`, { anchor: 'middle' })
    }
  }
  picture.text('muted small', MARGIN + 24, top + 78, what)
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)
