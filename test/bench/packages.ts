import { missingPackages } from '../../bench/machine.ts'

/** Empty where the compared packages are installed; elsewhere the end of the name of a skipped test. */
export const WITHOUT_PACKAGES =
  missingPackages().length === 0 ? '' : ' (skipped: needs npm ci --prefix bench)'
