# Copyright (c) 2026 pytest-curator-bench contributors
# SPDX-License-Identifier: Apache-2.0
"""What the old runner would pass to the scripts of the nightly configuration, written down by hand.

The rules are those of its guide: the arguments are split as a shell does; ``{dataset:NAME,FORMAT}`` is the path that
``datasets`` gives for that form; ``{session_entry_dir}`` the entry's directory in the session; a name of ``paths`` its
``host_path``. The results directory is not added where the arguments say it, as all of these do.
"""

from __future__ import annotations

S = "/results/s/e"
DATA = "/path/to/datasets"
WEIGHTS = "/path/to/model_weights"
SNAPSHOT = "6cee5e81ee83917806bbde320786a8fb61efebee"

# Derived by hand from the file and the documented rules; each of another kind.
COMMANDS = {
    "domain_classification_raydata": [
        f"--benchmark-results-path={S}",
        f"--output-path={S}/scratch/output",
        "--executor=ray_data",
        f"--input-path={DATA}/commoncrawl/jsonl_data",
        "--dataset-size-gb=15",
        "--model-inference-batch-size=1024",
    ],
    "embedding_generation_xenna": [
        f"--benchmark-results-path={S}",
        f"--output-path={S}/scratch/output",
        "--executor=xenna",
        f"--input-path={DATA}/commoncrawl/jsonl_data",
        "--dataset-size-gb=25",
        "--model-identifier=google/embeddinggemma-300m",
        "--model-variation=vllm_text_pretokenized",
        f"--cache-dir={WEIGHTS}/text_models_hf_cache",
    ],
    "exact_dedup_identification": [
        f"--benchmark-results-path={S}",
        f"--input-path={DATA}/rpv2_2023-14_en",
        f"--output-path={S}/scratch/output",
        "--input-filetype=parquet",
        "--text-field=raw_content",
        "--input-blocksize=3GiB",
    ],
    "semdedup_identification_xenna_dataset_size_ratio": [
        f"--benchmark-results-path={S}",
        f"--input-path={DATA}/cleaned_exact_dedup_all_cc_gemma_embeddings",
        f"--cache-path={S}/scratch/cache",
        f"--output-path={S}/scratch/output",
        "--executor=xenna",
        "--n-clusters=1000",
        "--id-field=_curator_dedup_id",
        "--embedding-field=embeddings",
        "--embedding-dim=1536",
        "--input-filetype=parquet",
        "--eps=0.01",
        "--which-to-keep=hard",
        "--pairwise-batch-size=1024",
        "--dataset-size-ratio=0.20",
    ],
    "dedup_removal_raydata": [
        f"--benchmark-results-path={S}",
        f"--input-path={DATA}/commoncrawl/jsonl_data",
        f"--id-generator-path={DATA}/commoncrawl/id_generator.json",
        f"--ids-to-remove-path={DATA}/commoncrawl/IDs/parquet_data",
        f"--output-path={S}/scratch/output",
        "--executor=ray_data",
        "--input-filetype=jsonl",
        "--output-filetype=parquet",
        "--id-field=_curator_dedup_id",
        "--duplicate-id-field=_curator_dedup_id",
        "--blocksize=1.5GiB",
    ],
    "score_filter_xenna": [
        f"--benchmark-results-path={S}",
        f"--output-path={S}/scratch/output",
        "--executor=xenna",
        f"--input-path={DATA}/commoncrawl/jsonl_data",
        "--dataset-size-gb=75",
        "--yaml-config=/opt/Curator/nemo_curator/config/text/heuristic_filter_english_pipeline.yaml",
    ],
    "audio_fleurs_raydata": [
        f"--benchmark-results-path={S}",
        f"--scratch-output-path={S}/scratch",
        f"--raw-data-dir={DATA}/fleurs",
        "--no-auto-download",
        "--model-name=nvidia/stt_hy_fastconformer_hybrid_large_pc",
        "--lang=hy_am",
        "--split=train",
        "--wer-threshold=5.5",
        "--gpus=1",
        "--executor=ray_data",
    ],
    "arxiv_e2e_pipeline_raydata": [
        f"--benchmark-results-path={S}",
        f"--tar-input-path={DATA}/arxiv_downloads",
        f"--output-path={S}/scratch/output",
        f"--fasttext-langid-model-path={WEIGHTS}/fasttext/lid.176.bin",
        "--executor=ray_data",
    ],
    "ndd_ray_serve_dp8": [
        f"--benchmark-results-path={S}",
        f"--input-path={DATA}/commoncrawl/jsonl_data",
        "--dataset-size-gb=1",
        f"--output-path={S}/scratch/output",
        "--inference-server-type=ray-serve",
        "--model-id=openai/gpt-oss-20b",
        f"--model-path={WEIGHTS}/text_model_weights/hf_cache/models--openai--gpt-oss-20b/snapshots/{SNAPSHOT}",
        "--executor=ray_data",
        '--engine-kwargs={"tensor_parallel_size": 1, "max_model_len": 131072}',
        '--autoscaling-config={"min_replicas": 8, "max_replicas": 8}',
    ],
    "video_transnetv2_motion_aesthetic_filter_embeddings_xenna": [
        f"--benchmark-results-path={S}",
        f"--output-path={S}/scratch/output",
        "--executor=xenna",
        f"--video-dir={DATA}/sample4k",
        f"--model-dir={DATA}/video_model_weights",
        "--splitting-algorithm=transnetv2",
        "--motion-filter=enable",
        "--aesthetic-threshold=3.5",
        "--transnetv2-frame-decoder-mode",
        "ffmpeg_cpu",
        "--video-limit=4000",
        "--transcode-encoder=libopenh264",
    ],
    "audio_tagging_tts_xenna": [
        f"--benchmark-results-path={S}",
        f"--scratch-output-path={S}/scratch",
        f"--raw-data-dir={DATA}/audio_tagging_ami_sdm",
        "--no-auto-download",
        f"--diarization-model-path={WEIGHTS}/audio_tagging/pyannote-speaker-diarization-community-1",
        "--max-segment-length=40",
        "--asr-batch-size=50",
        "--gpu-stage-num-workers=8",
        "--executor=xenna",
    ],
    "alm_pipeline_ray_data": [
        f"--benchmark-results-path={S}",
        "--input-manifest=/opt/Curator/tests/fixtures/audio/alm/sample_input.jsonl",
        "--executor=ray_data",
        "--target-window-duration=120.0",
        "--tolerance=0.1",
        "--min-sample-rate=16000",
        "--min-bandwidth=8000",
        "--min-speakers=2",
        "--max-speakers=5",
        "--overlap-percentage=50",
        "--repeat-factor=2000",
    ],
}
