import { numbersShown } from './page-numbers.ts'
import { MARGIN, Picture, WIDTH } from './picture.ts'

/** Where bytes wait on their way, and how many did in a run of `02/buffers`. */
interface Waiting {
  inNode: number
  inSendBuffer: number
  inReceiveBuffer: number
}

/** What the page of chapter 02 shows of the run. */
export function readWaiting(): Waiting {
  const [inNode, inSendBuffer, inReceiveBuffer] = numbersShown(
    'chapters/02-tcp-echo/README.md',
    /^waiting (\d+) in Node, (\d+) in the send buffer, (\d+) in the receive buffer$/m,
  ) as [number, number, number]
  return { inNode, inSendBuffer, inReceiveBuffer }
}

const WIDE = WIDTH - 2 * MARGIN
const PLACE = { height: 84, gap: 50 }

/** Draws the way from `write()` to `data`, with the places where bytes wait. */
export function renderBuffers(waiting: Waiting): string {
  const { inNode, inSendBuffer, inReceiveBuffer } = waiting
  const picture = new Picture(
    'The way of bytes from write() to data, and the three places where they wait',
    `A program writes. ${inNode} bytes wait in Node, ${inSendBuffer} in the send buffer of its kernel, and ` +
      `${inReceiveBuffer} in the receive buffer of the peer’s kernel, whose program does not read.`,
  )
  const most = Math.max(inNode, inSendBuffer, inReceiveBuffer)
  const bar = (bytes: number) => (bytes / most) * (WIDE - 32)
  picture.text('client head', MARGIN, 28, 'socket.write(bytes)')
  let y = arrow(picture, 34, 'client', ['false: Node’s queue is above highWaterMark'])
  y = place(picture, y, 'client', 'process: the writer', 'the queue in Node', inNode, bar)
  y = arrow(picture, y, 'client', ['write(2), again and again', 'EAGAIN: the send buffer is full'])
  y = place(picture, y, 'client', 'kernel of the writer', 'send buffer', inSendBuffer, bar)
  y = arrow(picture, y, 'client', ['segments', 'window 0: the receive buffer is full'])
  y = place(picture, y, 'server', 'kernel of the reader', 'receive buffer', inReceiveBuffer, bar)
  y = arrow(picture, y, 'server', [
    'read(2), at most 64 KiB at a time',
    'pause(): Node does not read',
  ])
  picture.rect('ground rule', MARGIN, y, WIDE, 52, 6)
  picture.text('ink head small', MARGIN + 12, y + 20, 'process: the reader')
  picture.text('server head', MARGIN + 12, y + 40, "socket.on('data', …)")
  return picture.render(y + 52 + MARGIN)
}

function place(
  picture: Picture,
  y: number,
  end: 'client' | 'server',
  owner: string,
  name: string,
  bytes: number,
  bar: (bytes: number) => number,
): number {
  const inKernel = owner.startsWith('kernel')
  picture.rect(`${inKernel ? 'bar' : 'ground'} rule`, MARGIN, y, WIDE, PLACE.height, 6)
  picture.text('ink head small', MARGIN + 12, y + 20, owner)
  picture.text('muted small', MARGIN + 12, y + 40, name)
  picture.text('ink small', WIDTH - MARGIN - 12, y + 40, `${grouped(bytes)} bytes`, {
    anchor: 'end',
  })
  picture.rect('ground rule', MARGIN + 12, y + 50, WIDE - 24, 20)
  picture.rect(end, MARGIN + 16, y + 54, Math.max(2, bar(bytes)), 12, 1)
  return y + PLACE.height
}

/** From one place to the next: how the bytes get there, and what stops them. */
function arrow(
  picture: Picture,
  y: number,
  end: 'client' | 'server',
  [how = '', stop]: string[],
): number {
  const gap = stop === undefined ? 36 : PLACE.gap
  picture.path(`arrow from-${end}`, `M${MARGIN + 24} ${y}v${gap - 2}`, end)
  picture.text('ink small', MARGIN + 40, y + 20, how)
  if (stop !== undefined) picture.text('muted small', MARGIN + 40, y + 38, stop)
  return y + gap
}

/** With commas between thousands. */
const grouped = (bytes: number): string => bytes.toLocaleString('en-GB')
