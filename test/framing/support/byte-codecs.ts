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

const isByteCodec = (codec: object): codec is framing.ByteFrameCodec => 'encodeInto' in codec
