// SPDX-License-Identifier: Apache-2.0
// pyebpf convert: recordings, or a part of them, in another format.
#include "app/command.h"
#include "app/format_options.h"
#include "app/profile_input.h"
#include "base/log.h"
#include "output/format.h"
#include "output/output_file.h"

namespace pyebpf::app {

namespace {

class ConvertCommand : public Command {
  public:
    CLI::App* add_to(CLI::App& app) override;
    Result<int> run() override;

  private:
    ProfileInput input_;
    std::string output_;
    std::string format_;
    output::FormatOptions options_;
};

CLI::App* ConvertCommand::add_to(CLI::App& app) {
    CLI::App* convert = app.add_subcommand("convert", "Write recordings in another format");
    convert->footer(
        "Examples:\n"
        "  pyebpf convert run.pyebpf -o run.html\n"
        "  pyebpf convert monday.pyebpf tuesday.pyebpf --container web -o web.html\n"
        "  pyebpf convert run.pyebpf -o - --time 2,4 | flamegraph.pl > seconds-2-to-4.svg");
    input_.add_to(*convert);
    convert
        ->add_option("-o,--output", output_,
                     "File to write, - for stdout; the format follows from its extension")
        ->type_name("FILE")
        ->required();
    add_format_options(*convert, format_, options_);
    return convert;
}

Result<int> ConvertCommand::run() {
    const auto format = output::choose_format(format_, output_);
    if (!format) return tl::unexpected(format.error());
    auto file = output::OutputFile::open(output_);
    if (!file) return tl::unexpected(file.error());
    const auto profile = input_.read();
    if (!profile) return tl::unexpected(profile.error());
    if (auto written = (*format)->write(*profile, options_, file->sink()); !written)
        return tl::unexpected(written.error());
    if (auto committed = file->commit(); !committed) return tl::unexpected(committed.error());
    if (output_ != "-") log::info("wrote " + file->name());
    return kExitOk;
}

}  // namespace

std::unique_ptr<Command> make_convert_command() {
    return std::make_unique<ConvertCommand>();
}

}  // namespace pyebpf::app
