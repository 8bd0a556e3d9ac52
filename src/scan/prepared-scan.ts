/**
 * A scan of a local folder that begins before it is asked for: the survey of attributes in a process of its own, and the
 * first folders, while this thread would wait for that, or for a key.
 */
import { setImmediate } from "node:timers/promises";
import { surveyXattrs, type XattrSurvey } from "../metadata/xattrs.ts";
import type { Entry } from "./entry.ts";
import type { LocalFindings, LocalScanSettings } from "./examiner.ts";
import type { Exclusions } from "./exclusions.ts";
import { LocalScan } from "./local-scan.ts";
import { planSurvey } from "./survey-plan.ts";

export class PreparedScan {
  private readonly scan: LocalScan;
  private readonly signal: AbortSignal;
  private readonly findings = new HeldFindings();
  private readonly survey: Promise<XattrSurvey | undefined>;
  private readonly ahead: Promise<void>;
  private surveyed = false;
  private asked = false;

  /** @param signal ends all of it; who walks then gets its reason. */
  constructor(settings: LocalScanSettings, exclusions: Exclusions, signal: AbortSignal) {
    this.scan = new LocalScan(settings, exclusions, this.findings);
    this.signal = signal;
    this.survey = settings.metadata
      ? surveyXattrs(settings.root, planSurvey(settings.root, exclusions), signal)
      : Promise.resolve(undefined);
    const surveyed = () => {
      this.surveyed = true;
    };
    this.survey.then(surveyed, surveyed);
    this.ahead = this.scan.readAhead(() => !(this.asked && this.surveyed) && !signal.aborted);
    this.ahead.catch(() => {}); // who walks awaits it
  }

  /** All entries in batches, once. */
  async *walk(findings: LocalFindings): AsyncGenerator<Entry[]> {
    this.asked = true;
    this.findings.release(findings);
    await this.ahead;
    const survey = await this.survey;
    this.signal.throwIfAborted();
    for (const batch of this.scan.walk(survey)) {
      if (batch.length > 0) yield batch;
      // The walk is synchronous: between batches everything else gets its turn.
      await setImmediate();
      this.signal.throwIfAborted();
    }
  }
}

/** What is found before anyone asks for it. */
class HeldFindings implements LocalFindings {
  private readonly held: ((to: LocalFindings) => void)[] = [];
  private to: LocalFindings | undefined;

  /** Tells all of it, and from now on everything at once. */
  release(to: LocalFindings): void {
    this.to = to;
    for (const told of this.held.splice(0)) told(to);
  }

  onError: LocalFindings["onError"] = (report) => this.tell((to) => to.onError(report));
  onSkipped: LocalFindings["onSkipped"] = (path, reason) => this.tell((to) => to.onSkipped(path, reason));
  onNote: LocalFindings["onNote"] = (text) => this.tell((to) => to.onNote(text));
  onUnknown: LocalFindings["onUnknown"] = (path) => this.tell((to) => to.onUnknown(path));

  private tell(finding: (to: LocalFindings) => void): void {
    if (this.to === undefined) this.held.push(finding);
    else finding(this.to);
  }
}
