/**
 * `npm run record`: makes the recordings of the chapters anew, in all lanes; with names of
 * examples, only those. `npm run docs:sync` draws their pictures.
 */
import { findEntry, loadChapters } from '#lib/catalogue/index.ts'
import { capturedText } from '#lib/pages/captured-bytes.ts'
import {
  pictureOf,
  record,
  recordedEntries,
  recordingPath,
  writeIfNew,
} from '#lib/pages/recordings.ts'
import { shortcomings } from '#lib/trace/lanes.ts'
import type { PacketEvent } from '#lib/trace/recording.ts'
import { UsageError } from './arguments.ts'
import { runCommand } from './run-command.ts'

const usageOf = (
  recorded: readonly string[],
) => `Records examples at all levels, for the write-ups: a JSON file and a picture each.

usage: sudo npm run record               all that are recorded: ${recorded.join(', ')}
       sudo npm run record -- 02/echo    only these`

await runCommand({
  name: 'npm run record',
  usage: async () => usageOf((await loadRecorded()).recorded),
  run: (_, names) => recordExamples(names),
})

async function loadRecorded() {
  const chapters = await loadChapters()
  return { chapters, recorded: recordedEntries(chapters).map(({ id }) => id) }
}

async function recordExamples(names: readonly string[]): Promise<number> {
  const { chapters, recorded } = await loadRecorded()
  for (const name of names.length > 0 ? names : recorded) {
    const found = findEntry(chapters, name)
    if ('unknown' in found || !recorded.includes(found.entry.id)) {
      const all = recorded.join(', ')
      throw new UsageError(`no recording of ${JSON.stringify(name)}; there are ${all}`)
    }
    const path = recordingPath(found.entry)
    const packets: PacketEvent[] = []
    const recording = await record(found.entry, undefined, packet => packets.push(packet))
    const missing = shortcomings(recording.meta)
    if (missing.length > 0) {
      // A recording that shows less than the one it replaces would be a loss.
      // They name the command that asked for the lanes: here it is this one.
      const why = missing
        .join('; ')
        .replaceAll(`npm run trace -- ${found.entry.id}`, 'npm run record')
      console.error(`${found.entry.id} is not recorded: ${why}`)
      return 1
    }
    writeIfNew(`${path}.json`, `${JSON.stringify(recording, null, 2)}\n`)
    writeIfNew(`${path}.svg`, pictureOf(recording))
    const captured = capturedText(recording.meta, packets)
    if (captured && writeIfNew(captured.name, captured.text)) console.log(`wrote ${captured.name}`)
    console.log(`wrote ${path}.json and .svg: ${recording.events.length} events`)
  }
  return 0
}
