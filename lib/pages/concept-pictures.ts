import { readWaiting, renderBuffers } from './buffers-picture.ts'
import { readCaptured } from './captured-bytes.ts'
import { FIRST_MESSAGE } from './first-message.ts'
import { renderFramings } from './framings-picture.ts'
import { renderTcpHeader, renderUdpHeader } from './header-picture.ts'
import { renderLayers } from './layers-picture.ts'
import { readFullQueue, renderQueues } from './queues-picture.ts'
import { readRecording } from './recordings.ts'

/** A picture that explains something, drawn from data of the kit. */
interface ConceptPicture {
  /** Below the root. The page beside it shows it. */
  file: string
  draw: () => string
}

export const CONCEPT_PICTURES: readonly ConceptPicture[] = [
  { file: 'chapters/01-socket/layers.svg', draw: () => renderLayers(readCaptured('01/tcp')) },
  { file: 'chapters/01-socket/queues.svg', draw: () => renderQueues(readFullQueue()) },
  {
    file: 'chapters/02-tcp-echo/tcp-header.svg',
    draw: () => renderTcpHeader(readCaptured('01/tcp'), readRecording(FIRST_MESSAGE.recording)!),
  },
  { file: 'chapters/02-tcp-echo/buffers.svg', draw: () => renderBuffers(readWaiting()) },
  { file: 'chapters/03-udp/udp-header.svg', draw: () => renderUdpHeader(readCaptured('03/echo')) },
  { file: 'chapters/04-sticky-packets/framings.svg', draw: renderFramings },
]
