import { readCaptured } from './captured-bytes.ts'
import { renderLayers } from './layers-picture.ts'

/** A picture that explains something, drawn from data of the kit. */
interface ConceptPicture {
  /** Below the root. The page beside it shows it. */
  file: string
  draw: () => string
}

export const CONCEPT_PICTURES: readonly ConceptPicture[] = [
  { file: 'chapters/01-socket/layers.svg', draw: () => renderLayers(readCaptured('01/tcp')) },
]
