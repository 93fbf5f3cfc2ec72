/** Why a program has not passed. */
export interface Failure {
  /** The title of the step. */
  step: string
  /** What happened, in one sentence. */
  what: string
  sent?: Uint8Array
  expected?: Uint8Array
  received?: Uint8Array
  /** Where expected and received begin to differ. */
  offset?: number
  /** The likely cause, in one sentence. */
  likelyCause?: string
  /** The last lines that the program printed. */
  output?: string
}
