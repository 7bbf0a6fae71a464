# docker build -t maskaudio .
# docker run --rm -v "$PWD:/work" maskaudio generate "rain on a tin roof" -o rain.wav
# docker run --rm -p 8000:8000 -e MASKAUDIO_SERVE_TOKEN=secret maskaudio serve --host 0.0.0.0
FROM python:3.12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY . /src
# --build-arg TORCH_INDEX=… with PyTorch's CPU index makes an image 3 GB smaller
ARG TORCH_INDEX=
RUN pip install --no-cache-dir torch==2.13.0 ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} \
    && pip install --no-cache-dir "/src[serve]" && rm -rf /src
RUN useradd --create-home maskaudio
USER maskaudio
WORKDIR /work
ENTRYPOINT ["maskaudio"]
