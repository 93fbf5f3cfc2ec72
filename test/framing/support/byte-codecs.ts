// biome-ignore lint/style/noRestrictedImports: '#lib' is known to the kit's package.json only
import * as framing from '../../../lib/framing/index.ts'

/** Codecs that cannot be made without options, made with some. */
const WITH_OPTIONS: Record<string, () => framing.ByteFrameCodec> = {
  fixedLength: () => framing.fixedLength({ frameBytes: 4 }),
  delimiter: () => framing.delimiter({ delimiter: '\r\n.' }),
}

/**
 * Every codec of `lib/framing/index.ts` whose frames are bytes, by the name of its function. All of them
 * can carry frames of 4 bytes that do not contain CR LF and a full stop.
 */
export function byteCodecs(): [name: string, codec: framing.ByteFrameCodec][] {
  return Object.entries<unknown>(framing).flatMap(([name, make]) => {
    if (make === framing.FrameError) return []
    const codec = WITH_OPTIONS[name]?.() ?? (make as () => object)()
    return isByteCodec(codec) ? [[name, codec]] : []
  })
}

/** Lines, too, have `encodeInto()`, and refuse bytes: their frames are text. */
function isByteCodec(codec: object): codec is framing.ByteFrameCodec {
  if (!('encodeInto' in codec)) return false
  try {
    ;(codec as framing.ByteFrameCodec).encode(Uint8Array.of(1, 2, 3, 4))
    return true
  } catch {
    return false
  }
}
